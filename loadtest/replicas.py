"""``make test-replicas``: three replicas behind HAProxy; ``options.REPLICAS`` describes the test."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from loadtest import options
from loadtest.harness import exit_code, progress, status_of, write_report
from loadtest.openloop import Load, Outcome
from loadtest.requests import Request, committed_classifier, predict_request
from loadtest.serving import PROJECT, Service, family_of, free_port, kill, running, stop, store
from loadtest.stations import observation
from loadtest.tables import markdown_table, publish
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read
from weather.model.classifier import Classifier

LAME_DUCK_SECONDS = 5
"""As in the image."""

BALANCER_SECONDS = 30
"""Time limit for HAProxy to find a ready replica, and to stop."""

LOCUST_SECONDS = 25
HEADER = (
    "scenario",
    "load",
    "faults",
    "requests",
    "failed for the client",
    "wrong answers",
    "capacity back after",
)


@dataclass
class Replica:
    """A service on a fixed port, started and stopped as a container engine would."""

    port: int
    stack: ExitStack
    service: Service | None = None

    def start(self, home: Path) -> None:
        """Start the service; returns when it is ready."""
        environment = {"WEATHER_LAME_DUCK_SECONDS": str(LAME_DUCK_SECONDS), "BENTOML_CONTAINERIZED": "true"}
        self.service = self.stack.enter_context(running(home, env=environment, port=self.port))

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.service is not None
        return stop(self.service.process)

    def kill(self) -> None:
        """SIGKILL to supervisor and worker, as when a container is killed."""
        assert self.service is not None
        kill(family_of(self.service.process))
        self.service.process.wait()


def second_scaler(folder: Path) -> Path:
    """The committed scaler with a mean temperature 2 °C higher: another model, close to the first."""
    with (PROJECT / "artifacts" / "model-scaler.pkl").open("rb") as file:
        scaler = pickle.load(file)  # noqa: S301  (our own file)
    scaler.mean_[0] += 2
    (folder / "scaler.pkl").write_bytes(pickle.dumps(scaler))
    return folder / "scaler.pkl"


@contextmanager
def balancer(replicas: list[Replica], folder: Path) -> Iterator[str]:
    """HAProxy with deploy/compose/haproxy.cfg in front of the replicas; its URL.

    Raises:
        RuntimeError: HAProxy saw no ready replica within BALANCER_SECONDS.
    """
    servers = [f"    server replica{n} 127.0.0.1:{replica.port}" for n, replica in enumerate(replicas, 1)]
    (folder / "replicas.cfg").write_text("\n".join(["backend rain", *servers, ""]))
    address = f"127.0.0.1:{free_port()}"
    configuration = PROJECT / "deploy" / "compose" / "haproxy.cfg"
    process = subprocess.Popen(
        ["haproxy", "-q", "-f", configuration, "-f", folder / "replicas.cfg"],
        env={**os.environ, "BALANCER_ADDRESS": address},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + BALANCER_SECONDS
        while status_of(f"http://{address}/readyz") != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"HAProxy on {address} has no ready replica")
            time.sleep(0.1)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(BALANCER_SECONDS)


def kill_one(url: str, replica: Replica, home: Path, folder: Path) -> tuple[list[str], int]:
    """SIGKILL to one of three under Locust's load; a row of the table, and the number of failures."""
    result = folder / "locust.json"
    locust = subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", str(PROJECT / "loadtest" / "locustfile.py")),
            *("--headless", "--host", url, "--users", "40", "--spawn-rate", "40"),
            *("--run-time", f"{LOCUST_SECONDS}s", "--only-summary"),
            *("--json-file", str(result.with_suffix(""))),
        ],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(7)
        replica.kill()
        start = time.monotonic()
        replica.start(home)
        back = time.monotonic() - start
        locust.wait(120)
    finally:
        locust.kill()
    entries = json.loads(result.read_text())
    sent = sum(entry["num_requests"] for entry in entries)
    rejected = sum(entry["num_requests"] for entry in entries if entry["name"].endswith(", rejected"))
    failed = rejected + sum(entry["num_failures"] for entry in entries)
    load = f"Locust, 40 users, {sent / LOCUST_SECONDS:,.0f}/s"
    row = ["SIGKILL to one of three", load, "1 SIGKILL", f"{sent:,}", str(failed), "0", f"{back:.1f} s"]
    return row, failed


async def rolling_update(
    url: str, replicas: list[Replica], home: Path, requests: list[Request]
) -> tuple[Outcome, list[int]]:
    """Replace all replicas one after another, under load; returns the outcome and the exit codes.

    ``replicas`` are three running ones and one that has not been started.
    """
    codes = []
    load = Load(lambda: [url], requests, 300, 70, kept=50, max_open=200)
    loading = asyncio.create_task(load.run())
    await asyncio.sleep(2)
    for number in range(3):
        await asyncio.to_thread(replicas[(number + 3) % 4].start, home)
        await asyncio.sleep(2)  # until the load balancer has made two successful health checks
        codes.append(await asyncio.to_thread(replicas[number].stop))
    load.seconds = min(load.seconds, time.monotonic() - load.start + 2)
    outcome = await loading
    outcome.seconds = load.seconds
    return outcome, codes


def failures(outcome: Outcome) -> int:
    """Requests that did not get a forecast."""
    return len(outcome.responses) - outcome.count(200) + outcome.lost


def main() -> int:
    """Run both tests; the exit code is 1 if a request failed or a response was of neither model."""
    arguments = options.replicas().parse_args()
    if shutil.which("haproxy") is None:
        print("haproxy is not installed (Debian: apt-get install haproxy)", file=sys.stderr)
        return 2
    model = PROJECT / "artifacts" / "svc.onnx"
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        scaler = second_scaler(folder)
        first, second = committed_classifier(), Classifier(compile_pair(read(scaler, model)).model)
        first_home = stack.enter_context(store())
        second_home = stack.enter_context(store("--scaler", str(scaler), "--model", str(model)))
        records = [observation() for _ in range(300)]
        replicas = [Replica(free_port(), stack) for _ in range(4)]
        for number, replica in enumerate(replicas[:3], 1):
            progress(f"starting replica {number} of 3")
            replica.start(first_home)
        url = stack.enter_context(balancer(replicas, folder))
        progress(f"SIGKILL to one of three, under {LOCUST_SECONDS} s of load")
        row, failed = kill_one(url, replicas[1], first_home, folder)
        either = [predict_request(record, first, second) for record in records]
        progress("rolling update to a second model, under load; a minute or less")
        update, codes = uvloop.run(rolling_update(url, replicas, second_home, either))
        requests = [predict_request(record, second) for record in records]
        after = uvloop.run(Load(lambda: [url], requests, 100, 3, kept=10).run())
        for replica in replicas:
            if replica.service is not None and replica.service.process.poll() is None:
                replica.kill()
    rows = [
        row,
        [
            "rolling update of all three to a second model",
            f"open loop, 300/s, {update.seconds:.0f} s",
            f"3 SIGTERM, exit codes {codes}",
            *(f"{update.offered:,}", str(failures(update)), str(update.wrong), "–"),
        ],
        [
            "after it, all of the second model",
            "open loop, 100/s, 3 s",
            *("–", f"{after.offered:,}", str(failures(after)), str(after.wrong), "–"),
        ],
    ]
    table = markdown_table(HEADER, rows)
    print(table)
    write_report("replicas", table)
    if arguments.publish:
        publish(PROJECT / "docs" / "deployment.md", "make test-replicas", table)
    failed += failures(update) + update.wrong + failures(after) + after.wrong
    return int(bool(failed) or codes != [0, 0, 0])


if __name__ == "__main__":
    sys.exit(exit_code(main))
