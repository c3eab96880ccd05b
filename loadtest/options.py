"""The options of the load tests' commands.

They are in a module without third-party imports, because `make chaos ARGS=--help` runs it before anything is
installed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

RUN = """Load a service with Locust: one that this command starts, or the one at --url.

Arguments that are not listed below are passed to Locust: class names (Station Front Bulk BadClient),
--model other, --api-key KEY, --thresholds FILE, and Locust's own options.
"""

CHAOS = """Overload and faults on the real service, under load.

Six scenarios: overload, a killed worker, a drain before a stop, a soak, bad clients, and another model. The
result is one table. A request is lost when neither it nor its retries got a response. A response is wrong
when it is not the forecast that the classifier, computed here, gives for that row alone.
"""

CAPACITY = """Which load one replica takes at which latency, and what a second worker adds.

Open-loop load of single forecasts. One replica has the first core, the load the others. In the run with
several workers both share all cores, so its figures include the cost of the load itself.
"""

REPLICAS = """Three replicas behind HAProxy, with the configuration in deploy/compose.

Under Locust's load one replica is killed and started again. Then all three are replaced by replicas of a
second model, under an open-loop load whose responses are compared with both models. The result is one table.
"""

CONSOLES = """Ten thousand home stations on the second service, which asks a forecast service of this command.

Beside Locust's verdict it is checked that every report that was accepted is in the database, and that the
queue of hours without a forecast is empty soon after the last report.
"""


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser that shows the description as it is written."""
    return argparse.ArgumentParser(
        prog=f"python -m loadtest.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def service_url(text: str) -> str:
    """The address of a service, without a slash at its end.

    Raises:
        ArgumentTypeError: it is not one; Locust would fail on each request, and report success.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not the address of a service: http://127.0.0.1:3000")
    return text.rstrip("/")


def run() -> argparse.ArgumentParser:
    """Of ``make loadtest``."""
    made = parser("run", RUN)
    made.add_argument("--url", type=service_url, help="load this service (default: start one)")
    made.add_argument("--seconds", type=int, default=20, help="duration of the load (default: 20)")
    made.add_argument("--users", type=int, default=50, help="at once; with --shape the peak (default: 50)")
    made.add_argument("--shape", choices=("steps", "spike", "soak"), help="default: all users at once")
    made.add_argument(
        "--workers", type=int, default=0, help="Locust worker processes besides the master (default: 0)"
    )
    made.add_argument(
        "--ui", action="store_true", help="Locust's page on http://127.0.0.1:8089, until Ctrl-C"
    )
    made.add_argument(
        "--forecast-log",
        type=Path,
        metavar="FOLDER",
        help="log all forecasts of the service that is started to this folder",
    )
    return made


def chaos() -> argparse.ArgumentParser:
    """Of ``make chaos``."""
    made = parser("chaos", CHAOS)
    made.add_argument(
        "--scale", type=float, default=1.0, help="factor for all durations (default: 1; 0.1 is a quick run)"
    )
    made.add_argument("--publish", action="store_true", help="write the table to docs/operations.md")
    return made


def capacity() -> argparse.ArgumentParser:
    """Of ``make capacity``."""
    made = parser("capacity", CAPACITY)
    made.add_argument("--seconds", type=float, default=5, help="duration of each step (default: 5)")
    made.add_argument(
        "--publish", action="store_true", help="update docs/deployment.md and docs/capacity.svg"
    )
    return made


def replicas() -> argparse.ArgumentParser:
    """Of ``make test-replicas``."""
    made = parser("replicas", REPLICAS)
    made.add_argument("--publish", action="store_true", help="write the table to docs/deployment.md")
    return made


def consoles() -> argparse.ArgumentParser:
    """Of ``make loadtest-stations``."""
    made = parser("consoles", CONSOLES)
    made.add_argument(
        "--stations", type=int, default=10_000, help="each reports once a minute (default: 10000)"
    )
    made.add_argument("--seconds", type=int, default=60, help="duration of the load (default: 60)")
    made.add_argument("--database", help="SQLAlchemy's URL (default: SQLite in a temporary folder)")
    made.add_argument("--publish", action="store_true", help="write the result to docs/stations.md")
    return made


TARGETS = {
    "loadtest": run,
    "chaos": chaos,
    "capacity": capacity,
    "test-replicas": replicas,
    "loadtest-stations": consoles,
}
"""The parser of each target of make."""


if __name__ == "__main__":
    TARGETS[sys.argv[1]]().print_help()
