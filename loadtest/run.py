"""``make loadtest``: load a service with Locust, one that this command starts or the one at --url."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from loadtest import options
from loadtest.harness import exit_code, progress, unreachable
from loadtest.serving import PROJECT, free_port, served, store

FOLDER = PROJECT / "loadtest"


def main() -> int:
    """Locust's exit code: 0 if all thresholds were met; 2 if there is no service at --url."""
    parser = options.run()
    arguments, locust_arguments = parser.parse_known_args()
    if arguments.url and arguments.forecast_log:
        parser.error("--forecast-log can't be used with --url: it configures the service that is started")

    def run(url: str) -> int:
        reports = PROJECT / "reports" / time.strftime("loadtest-%Y%m%d-%H%M%S")
        try:
            return load(url, arguments.seconds, arguments.users, *locust_arguments, reports=reports, **how)
        finally:
            if (reports / "report.html").exists():
                progress(f"report: {reports.relative_to(PROJECT)}/report.html")

    how = {"shape": arguments.shape, "workers": arguments.workers, "ui": arguments.ui}
    if arguments.url:
        if reason := unreachable(arguments.url):
            progress(reason)
            return 2
        return run(arguments.url)
    progress("starting a service of this command's own …")
    with store() as home, served(home, env=logging_to(arguments.forecast_log)) as url:
        return run(url)


def logging_to(folder: Path | None) -> dict[str, str]:
    """Environment variables of a service that logs every forecast to ``folder``; none without one."""
    if folder is None:
        return {}
    log_path = f"services.rain_forecast.monitoring.options.log_path={folder.resolve()}"
    return {"WEATHER_FORECAST_LOG_RATE": "1", "BENTOML_CONFIG_OPTIONS": log_path}


def load(
    url: str,
    seconds: int,
    users: int,
    *locust_arguments: str,
    shape: str | None = None,
    workers: int = 0,
    ui: bool = False,
    reports: Path | None = None,
) -> int:
    """Run Locust for ``seconds`` (with ``ui``: until Ctrl-C); its exit code.

    ``locust_arguments`` are added to its command line; report.html and CSV files go to the folder
    ``reports``.
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
        with subprocess.Popen([*command, *locust_arguments], cwd=PROJECT) as process:
            try:
                return process.wait()
            except KeyboardInterrupt:  # Locust received it too, and stops by itself
                return process.wait()
    finally:
        for helper in helpers:
            helper.terminate()
            helper.wait()


if __name__ == "__main__":
    sys.exit(exit_code(main))
