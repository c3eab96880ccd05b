"""``make stations``: both services and a replayed week; prints the page's address, ends with Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading

from loadtest.serving import served, store
from stations.demo.processes import running
from stations.demo.replay import replay

SPEED = 1000
"""A week in ten minutes."""


def main() -> int:
    """0 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m stations.demo", description=__doc__)
    parser.add_argument(
        "--speed", type=float, default=SPEED, help="hours are so many times shorter (default: 1000)"
    )
    parser.add_argument("--port", type=int, help="of the page; default: a free one")
    given = parser.parse_args()
    print("starting the forecast service and the stations …", flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        store() as home,
        served(home) as forecast_url,
        running(
            f"sqlite:///{folder}/stations.db",
            forecast_url,
            # The week is of 2013.
            env={"STATIONS_REPORTS_DAYS": "0", "STATIONS_HOURS_DAYS": "0"},
            port=given.port,
        ) as stations,
    ):
        print(f"forecast service: {forecast_url}\nstations:         {stations.url}", flush=True)
        print(f"a week of June 2013 at {given.speed:g} times its speed; Ctrl-C ends it", flush=True)
        try:
            print(
                f"replayed {replay(stations.url, given.speed)} reports; the page stays until Ctrl-C",
                flush=True,
            )
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopping")
    return 0


if __name__ == "__main__":
    sys.exit(main())
