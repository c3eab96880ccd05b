"""Start a service (or take one), load it with Locust, stop it, pass on the verdict.

What is not listed below goes to Locust: class names (Station Front Bulk BadClient), ``--model other``,
``--api-key KEY``, ``--thresholds FILE``, and its own options.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from loadtest.serving import PROJECT, free_port, served, store

FOLDER = PROJECT / "loadtest"


def main() -> int:
    """Locust's exit code: not 0 when a threshold was missed."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.run", description=__doc__, allow_abbrev=False)
    parser.add_argument("--url", help="load this service; without it one is started")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--users", type=int, default=50, help="with a shape: at its peak")
    parser.add_argument("--shape", choices=("steps", "spike", "soak"), help="without it: all users at once")
    parser.add_argument("--workers", type=int, default=0, help="Locust processes beside the master")
    parser.add_argument(
        "--ui", action="store_true", help="Locust's page on http://127.0.0.1:8089, until Ctrl-C"
    )
    parser.add_argument(
        "--forecast-log",
        type=Path,
        metavar="FOLDER",
        help="have the service that is started log all forecasts",
    )
    given, more = parser.parse_known_args()
    if given.url and given.forecast_log:
        parser.error("--forecast-log is for a service that is started here, not for --url")

    def run(url: str) -> int:
        reports = PROJECT / "reports" / time.strftime("loadtest-%Y%m%d-%H%M%S")
        return load(url, given.seconds, given.users, *more, reports=reports, **chosen)

    chosen = {"shape": given.shape, "workers": given.workers, "ui": given.ui}
    if given.url:
        return run(given.url)
    with store() as home, served(home, env=logging_to(given.forecast_log)) as url:
        return run(url)


def logging_to(folder: Path | None) -> dict[str, str]:
    """Settings of a service that logs each forecast; none without a folder."""
    if folder is None:
        return {}
    log_path = f"services.rain_forecast.monitoring.options.log_path={folder.resolve()}"
    return {"WEATHER_FORECAST_LOG_RATE": "1", "BENTOML_CONFIG_OPTIONS": log_path}


def load(
    url: str,
    seconds: int,
    users: int,
    *more: str,
    shape: str | None = None,
    workers: int = 0,
    ui: bool = False,
    reports: Path | None = None,
) -> int:
    """Run Locust, bounded in time by ``seconds`` unless ``ui``; its exit code.

    ``more`` goes to Locust; ``reports`` is a folder for report.html and the CSV files.
    """
    files = [FOLDER / "locustfile.py", *([FOLDER / "shapes" / f"{shape}.py"] if shape else [])]
    locust = [sys.executable, "-m", "locust", "-f", ",".join(map(str, files))]
    command = [*locust, "--host", url, "--users", str(users), "--spawn-rate", str(users)]
    command += ["--run-time", f"{seconds}s"]
    if ui:
        command += ["--web-host", "127.0.0.1", "--class-picker"]
    else:
        command += ["--headless", "--only-summary"]
    if reports:
        command += ["--html", str(reports / "report.html"), "--csv", str(reports / "load")]
    port = str(free_port())
    if workers:
        command += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        command += ["--expect-workers", str(workers), "--expect-workers-max-wait", "60"]
    join = [*locust, "--worker", "--master-host", "127.0.0.1", "--master-port", port]
    helpers = [subprocess.Popen(join, cwd=PROJECT) for _ in range(workers)]
    try:
        with subprocess.Popen([*command, *more], cwd=PROJECT) as process:
            try:
                return process.wait()
            except KeyboardInterrupt:  # Locust had it too, and ends in its own time
                return process.wait()
    finally:
        for helper in helpers:
            helper.terminate()
            helper.wait()


if __name__ == "__main__":
    sys.exit(main())
