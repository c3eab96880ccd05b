"""Starts both services and replays the week."""

from __future__ import annotations

import sys
import tempfile
import threading

from loadtest.serving import NotStarted as ForecastNotStarted
from loadtest.serving import served, store
from stations.demo.processes import NotStarted, running
from stations.demo.replay import replay


def show(speed: float, port: int | None) -> int:
    """Run the demo until Ctrl-C; returns the exit code."""
    print("starting the forecast service and the stations …", flush=True)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            store() as home,
            served(home) as forecast_url,
            running(
                f"sqlite:///{folder}/stations.db",
                forecast_url,
                # The reports are from 2013, so retention would refuse them.
                env={"STATIONS_REPORTS_DAYS": "0", "STATIONS_HOURS_DAYS": "0"},
                port=port,
            ) as stations,
        ):
            print(f"forecast service: {forecast_url}\nstations:         {stations.url}", flush=True)
            print(f"a week of June 2013 at {speed:g} times its speed; Ctrl-C ends it", flush=True)
            try:
                print(
                    f"replayed {replay(stations.url, speed)} reports; the page stays until Ctrl-C", flush=True
                )
                threading.Event().wait()
            except KeyboardInterrupt:
                print("stopping")
    except (ForecastNotStarted, NotStarted) as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0
