"""``make chaos``: overload and faults on the real service, under load.

Six scenarios: overload, a killed worker, a drain before a stop, a soak, bad clients, and another model.
The result is one table; ``--publish`` writes it to docs/operations.md. A request is lost when neither it
nor its retries got a response. A response is wrong when it is not the forecast that the classifier,
computed here, gives for that row alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from loadtest.chaos.rows import HEADER, Row
from loadtest.chaos.scenarios import Chaos
from loadtest.requests import committed_requests
from loadtest.serving import PROJECT, store
from loadtest.tables import markdown_table, publish


def main() -> int:
    """1 when a request was lost or a response was wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor for all durations (0.1: a quick run)"
    )
    parser.add_argument("--publish", action="store_true", help="write the table to docs/operations.md")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with store() as home:
        chaos = Chaos(home, committed_requests(), arguments.scale)
        scenarios: list[Callable[[], Coroutine[Any, Any, Row]]] = [
            chaos.overload,
            chaos.killed_worker,
            chaos.drain,
            chaos.soak,
            chaos.bad_clients,
            chaos.swapped_model,
        ]
        for scenario in scenarios:
            print(f"{scenario.__name__}: {scenario.__doc__}", file=sys.stderr, flush=True)
            rows.append(uvloop.run(scenario()))
    table = markdown_table(HEADER, [row.cells() for row in rows])
    print(table)
    if arguments.publish:
        publish(PROJECT / "docs" / "operations.md", "make chaos", table)
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
