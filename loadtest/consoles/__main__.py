"""``make loadtest-stations``: stations on the first core, forecast service and Locust on the others.

``options.CONSOLES`` describes the checks.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

import httpx
import psutil
from sqlalchemy import func, select

from loadtest import options
from loadtest.consoles.locustfile import STATIONS_A_USER
from loadtest.harness import exit_code, on_first_core, progress, write_report
from loadtest.serving import PROJECT, free_port, store
from loadtest.serving import running as forecast_service
from loadtest.tables import publish
from stations.demo.processes import Stations, running
from stations.store.database import connect
from stations.store.tables import reports

CATCH_UP_SECONDS = 60


def main() -> int:
    """Run the load test; the exit code is 0 if every threshold was met."""
    arguments = options.consoles().parse_args()
    port = free_port()
    progress("starting the stations and a forecast service …")
    with tempfile.TemporaryDirectory() as folder, store() as home:
        database: str = arguments.database or f"sqlite:///{folder}/stations.db"
        starting = running(database, f"http://127.0.0.1:{port}")
        with on_first_core(starting) as service, forecast_service(home, port=port):
            process = psutil.Process(service.process.pid)
            before = process.cpu_times()
            code = load(service, arguments.stations // STATIONS_A_USER, arguments.seconds)
            after = process.cpu_times()
            cpu = after.user + after.system - before.user - before.system
            progress("waiting until every hour has its forecast")
            lag = catch_up(service)
            accepted = counter(service, "stations_reports_total")
            kept = stored(database)
            megabytes = process.memory_info().rss / 1e6
    result = (
        f"{accepted:.0f} reports accepted, {kept} in the database; {1000 * cpu / max(accepted, 1):.2f} s of "
        f"CPU for 1,000 reports, {100 * cpu / arguments.seconds:.0f} % of a core; {megabytes:.0f} MB; "
        f"queue empty {lag:.1f} s after the end"
    )
    print(result)
    write_report("loadtest-stations", result)
    if arguments.publish:
        publish(PROJECT / "docs" / "stations.md", "make loadtest-stations", f"    {result}")
    if kept != accepted:
        print("MISSED reports in the database")
        return 1
    if lag >= CATCH_UP_SECONDS:
        print(f"MISSED queue empty within {CATCH_UP_SECONDS} s")
        return 1
    return code


def load(service: Stations, users: int, seconds: int) -> int:
    """Run Locust; returns its exit code."""
    command = [sys.executable, "-m", "locust", "-f", "loadtest/consoles/locustfile.py", "--headless"]
    command += ["--only-summary", "--host", service.url, "--users", str(users)]
    command += ["--spawn-rate", str(max(1, users // 5)), "--run-time", f"{seconds}s"]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode


def catch_up(service: Stations) -> float:
    """Wait until the queue is empty, at most CATCH_UP_SECONDS; returns the seconds that it took."""
    start = time.monotonic()
    while time.monotonic() < start + CATCH_UP_SECONDS:
        listed = httpx.get(f"{service.url}/stations", timeout=60).json()["stations"]
        if not any("waits" in (station["why_not"] or "") for station in listed):
            break
        time.sleep(0.5)
    return time.monotonic() - start


def counter(service: Stations, name: str) -> float:
    """The value of a counter, summed over its labels."""
    text = httpx.get(f"{service.url}/metrics", timeout=60).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name}{{"))


def stored(database: str) -> int:
    """The number of reports in the database."""
    engine = connect(database)
    try:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(reports)) or 0
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(exit_code(main))
