"""``make test-replicas``: three replicas behind HAProxy with the configuration that we ship.

Under Locust's load one replica is killed; then, under an open-loop load that compares each answer
with those of the two model versions, all three are replaced by ones with the second version. A
thread plays the container engine's ``restart: always``. One table is printed; ``--publish`` puts it
into docs/deployment.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import uvloop

from loadtest.chaos import published, status
from loadtest.openloop import Load, Outcome, Question, question
from loadtest.serving import PROJECT, Service, family_of, free_port, kill, running, stop, store
from loadtest.stations import observation
from weather.importing.artifacts import read
from weather.importing.compiler import compile_pair
from weather.model.classifier import Classifier

LAME_DUCK_SECONDS = 5
"""As in the image."""

HEADER = (
    "| scenario | load | faults | requests | failed for the client | wrong answers | capacity back after |\n"
    "|---|---|---|---|---|---|---|"
)


@dataclass
class Slot:
    """A place behind the balancer, with the replica that is in it, if any."""

    port: int
    stack: contextlib.ExitStack
    service: Service | None = None

    def fill(self, home: Path) -> None:
        """Start a replica; returns when it is ready."""
        environment = {"WEATHER_LAME_DUCK_SECONDS": str(LAME_DUCK_SECONDS), "BENTOML_CONTAINERIZED": "true"}
        self.service = self.stack.enter_context(running(home, env=environment, port=self.port))

    def empty(self) -> int:
        """SIGTERM; the exit code."""
        assert self.service is not None
        return stop(self.service.process)

    def kill(self) -> None:
        """SIGKILL to supervisor and worker, as when a container is killed."""
        assert self.service is not None
        kill(family_of(self.service.process))
        self.service.process.wait()


def second_version(folder: Path) -> Path:
    """The committed scaler with a mean temperature 2 degC higher: another model, close to the first."""
    with (PROJECT / "artifacts" / "model-scaler.pkl").open("rb") as file:
        scaler = pickle.load(file)  # noqa: S301  (our own)
    scaler.mean_[0] += 2
    (folder / "scaler.pkl").write_bytes(pickle.dumps(scaler))
    return folder / "scaler.pkl"


def classifier(scaler: Path, model: Path) -> Classifier:
    """That of a pair, computed here."""
    return Classifier(compile_pair(read(scaler, model)).model)


@contextlib.contextmanager
def balancer(slots: list[Slot], folder: Path) -> Iterator[str]:
    """HAProxy with deploy/compose/haproxy.cfg before the slots; its URL."""
    lines = [f"    server replica{n} 127.0.0.1:{slot.port}" for n, slot in enumerate(slots, 1)]
    (folder / "replicas.cfg").write_text("\n".join(["backend rain", *lines, ""]))
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            "haproxy",
            "-q",
            "-f",
            PROJECT / "deploy" / "compose" / "haproxy.cfg",
            "-f",
            folder / "replicas.cfg",
        ],
        env={**os.environ, "BALANCER_ADDRESS": address},
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            if status(f"http://{address}/readyz") == 200:
                break
            time.sleep(0.1)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def killed(url: str, slot: Slot, home: Path, folder: Path) -> str:
    """SIGKILL to one of three under Locust's load; a line of the table."""
    result = folder / "locust.json"
    locust = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "locust",
                "-f",
                str(PROJECT / "loadtest" / "locustfile.py"),
                "--headless",
            ),
            *("--host", url, "--users", "40", "--spawn-rate", "40", "--run-time", "25s"),
            *("--only-summary", "--json-file", str(result.with_suffix(""))),
        ],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(7)
    slot.kill()
    begin = time.monotonic()
    engine = Thread(target=slot.fill, args=(home,))
    engine.start()
    engine.join()
    back = time.monotonic() - begin
    locust.wait(120)
    entries = json.loads(result.read_text())
    asked = sum(entry["num_requests"] for entry in entries)
    refused = sum(entry["num_requests"] for entry in entries if entry["name"].endswith(", refused"))
    failed = refused + sum(entry["num_failures"] for entry in entries)
    return (
        f"| SIGKILL to one of three | Locust, 40 users, {asked / 25:,.0f}/s | 1 SIGKILL "
        f"| {asked:,} | {failed} | 0 | {back:.1f} s |"
    )


async def rolled(url: str, slots: list[Slot], home: Path, asked: list[Question]) -> tuple[Outcome, list[int]]:
    """Replace all replicas, one after another, under load; the load's outcome and the exit codes."""
    codes = []

    async def roll() -> None:
        for number in range(3):
            await asyncio.to_thread(slots[(number + 3) % 4].fill, home)
            await asyncio.sleep(2)  # until the balancer has had two good looks
            codes.append(await asyncio.to_thread(slots[number].empty))

    load = Load(lambda: [url], asked, 300, 70, kept=50, most=200)
    running_load = asyncio.create_task(load.run())
    await asyncio.sleep(2)
    await roll()
    load.seconds = min(load.seconds, time.monotonic() - load.begin + 2)
    outcome = await running_load
    outcome.seconds = load.seconds
    return outcome, codes


def main() -> int:
    """1 when a request failed or an answer was of neither version."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.replicas", description=__doc__)
    parser.add_argument("--publish", action="store_true", help="put the table into docs/deployment.md")
    given = parser.parse_args()
    if shutil.which("haproxy") is None:
        print("haproxy is not installed (Debian: apt-get install haproxy)", file=sys.stderr)
        return 2
    model = PROJECT / "artifacts" / "svc.onnx"
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        changed = second_version(folder)
        first = classifier(PROJECT / "artifacts" / "model-scaler.pkl", model)
        second = classifier(changed, model)
        first_home = stack.enter_context(store())
        second_home = stack.enter_context(store("--scaler", str(changed), "--model", str(model)))
        records = [observation() for _ in range(300)]
        slots = [Slot(free_port(), stack) for _ in range(4)]
        for slot in slots[:3]:
            slot.fill(first_home)
        url = stack.enter_context(balancer(slots, folder))
        lines = [HEADER, killed(url, slots[1], first_home, folder)]
        either = [question(record, first, second) for record in records]
        outcome, codes = uvloop.run(rolled(url, slots, second_home, either))
        other = len(outcome.answers) - outcome.count(200) + outcome.lost
        lines.append(
            f"| rolling update of all three to a second model | open loop, 300/s, {outcome.seconds:.0f} s "
            f"| 3 SIGTERM, exit codes {codes} | {outcome.offered:,} | {other} | {outcome.wrong} | – |"
        )
        after = uvloop.run(Load(lambda: [url], [question(r, second) for r in records], 100, 3, kept=10).run())
        lines.append(
            f"| after it, all of the second model | open loop, 100/s, 3 s | – | {after.offered:,} "
            f"| {after.lost} | {after.wrong} | – |"
        )
        for slot in slots:
            if slot.service is not None and slot.service.process.poll() is None:
                slot.kill()
    table = "\n".join(lines) + "\n"
    print(table)
    if given.publish:
        published(PROJECT / "docs" / "deployment.md", "make test-replicas", table)
    failed = lines[1].split("|")[5].strip() != "0"
    return int(failed or bool(other + outcome.wrong + after.wrong + after.lost) or codes != [0, 0, 0])


if __name__ == "__main__":
    sys.exit(main())
