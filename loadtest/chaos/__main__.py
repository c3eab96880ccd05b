"""``make chaos``: overload and faults on the real service, under load; ``options.CHAOS`` lists them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from loadtest import options
from loadtest.chaos.rows import HEADER, Row
from loadtest.chaos.scenarios import Chaos
from loadtest.harness import exit_code, progress, write_report
from loadtest.requests import committed_requests
from loadtest.serving import PROJECT, store
from loadtest.tables import markdown_table, publish


def main() -> int:
    """Run the scenarios; the exit code is 1 if a request was lost or a response was wrong."""
    arguments = options.chaos().parse_args()
    rows: list[Row] = []
    progress("importing the committed model …")
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
            progress(f"{scenario.__name__}: {scenario.__doc__}")
            rows.append(uvloop.run(scenario()))
    table = markdown_table(HEADER, [row.cells() for row in rows])
    print(table)
    write_report("chaos", table)
    if arguments.publish:
        publish(PROJECT / "docs" / "operations.md", "make chaos", table)
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    sys.exit(exit_code(main))
