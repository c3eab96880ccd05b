"""``make chaos``: what happens on the worst day, shown on the real service.

Five scenarios, each with the load on while the faults come: overload, a killed worker, a drain
before a stop, a soak, and bad clients. One table is printed; ``--publish`` puts it into
docs/operations.md. A request is lost when no answer came to it or to its repetitions; an answer is
wrong when it is not the forecast that the classifier gives, computed here, for that row alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil
import uvloop

from loadtest.openloop import Load, Outcome, Question, question
from loadtest.serving import PROJECT, Service, running, stop, store
from loadtest.stations import observation
from weather.contract.variables import EXAMPLE
from weather.importing.artifacts import read
from weather.importing.compiler import compile_pair
from weather.model.classifier import Classifier
from weather.serving.workers import is_running_worker

STEPS = (500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 6000, 8000)
"""Requests a second, to find the knee: the last step at which 95 % got their forecast."""

LAME_DUCK_SECONDS = 3
LOOK_SECONDS = 0.25
"""How often the balancer that the load generator plays looks at ``/readyz``."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    scenario: str
    load: str
    faults: str
    outcome: Outcome
    recovery: str
    remarks: str

    def __str__(self) -> str:
        """As Markdown."""
        o = self.outcome
        cells = (self.scenario, self.load, self.faults, f"{o.offered:,}", f"{o.count(429):,}")
        more = (
            f"{sum(o.retried.values()):,}",
            str(o.lost),
            str(o.wrong + bad(o)),
            self.recovery,
            self.remarks,
        )
        return f"| {' | '.join([*cells, *more])} |"


HEADER = (
    "| scenario | load held | faults injected | requests | refused (429) | sent again | lost | wrong answers "
    "| recovery | |\n|---|---|---|---|---|---|---|---|---|---|"
)


def bad(outcome: Outcome) -> int:
    """Answers to good requests that are neither a forecast nor a 429."""
    return len(outcome.answers) - outcome.count(200) - outcome.count(429)


def questions(count: int = 500) -> list[Question]:
    """Varied observations with the forecasts that the committed artifacts give for each alone."""
    artifacts = PROJECT / "artifacts"
    classifier = Classifier(compile_pair(read(artifacts / "model-scaler.pkl", artifacts / "svc.onnx")).model)
    return [question(observation(), classifier) for _ in range(count)]


@dataclass
class Chaos:
    """The scenarios' common ground."""

    home: Path
    asked: Sequence[Question]
    brisk: float
    knee: float = 0.0
    peak: float = 0.0
    calm: Outcome | None = None

    def start(self, **env: str) -> contextlib.AbstractContextManager[Service]:
        """The service, on the first core; this program has the others."""
        return on_first_core(running(self.home, env=env))

    def half(self) -> float:
        """Half of the load that the service can hold, in requests a second."""
        return self.knee / 2

    async def load(self, places: Callable[[], Sequence[str]], rate: float, seconds: float) -> Outcome:
        """Offer a load."""
        return await Load(places, self.asked, rate, seconds).run()

    async def holds(self, places: Callable[[], Sequence[str]], rate: float) -> bool:
        """Whether 95 % of the requests at this rate get their forecast."""
        step = await self.load(places, rate, 4)
        self.peak = max(self.peak, step.goodput())
        return step.count(200) >= 0.95 * step.offered

    async def overload(self) -> Row:
        """Three times what can be served, for a minute."""
        with self.start() as service:

            def place() -> list[str]:
                return [service.url]

            await self.load(place, 500, 3)
            for rate in STEPS:
                # Twice before giving up: a pause of this machine is not the knee.
                if not await self.holds(place, rate) and not await self.holds(place, rate):
                    break
                self.knee = rate
            self.calm = await self.load(place, self.half(), 10 * self.brisk)
            flood = await self.load(place, 3 * self.knee, 60 * self.brisk)
            after = await self.load(place, self.half(), 8)
        remarks = (
            f"goodput {flood.goodput():,.0f}/s, {flood.goodput() / self.peak:.0%} of its peak "
            f"{self.peak:,.0f}/s; "
            f"refused within {flood.percentile(50, 429):.0f} / {flood.percentile(99, 429):.0f} / "
            f"{flood.percentile(100, 429):.0f} ms (p50 / p99 / longest); answered p50 / p99 "
            f"{flood.percentile(50):.0f} / {flood.percentile(99):.0f} ms, at half load "
            f"{self.calm.percentile(50):.1f} / {self.calm.percentile(99):.1f} ms"
        )
        load = f"{3 * self.knee:,.0f}/s, 3 × the knee of {self.knee:,.0f}/s, {60 * self.brisk:.0f} s"
        return Row("overload", load, "–", flood, seconds(recovery(after, self.calm)), remarks)

    async def killed_worker(self) -> Row:
        """SIGKILL to the only worker."""
        with self.start() as service:

            def place() -> list[str]:
                return [service.url]

            async def kill() -> None:
                await asyncio.sleep(3)
                os.kill(worker(service).pid, signal.SIGKILL)

            outcome, _ = await asyncio.gather(self.load(place, self.half() / 2, 30 * self.brisk), kill())
        gap = recovery(outcome, self.calm) - 3
        remarks = "BentoML starts another worker; meanwhile connections wait in the socket's queue"
        return Row("killed worker", f"{self.half() / 2:,.0f}/s", "1 SIGKILL", outcome, seconds(gap), remarks)

    async def drain(self) -> Row:
        """SIGTERM to one of two services behind a balancer that looks at ``/readyz``."""
        lame_duck = {"WEATHER_LAME_DUCK_SECONDS": str(LAME_DUCK_SECONDS)}
        with self.start(**lame_duck) as one, self.start(**lame_duck) as two:
            ready = [one.url, two.url]

            async def balance() -> None:
                while True:
                    for service in (one, two):
                        is_ready = await asyncio.to_thread(status, f"{service.url}/readyz") == 200
                        if not is_ready and service.url in ready:
                            ready.remove(service.url)
                    await asyncio.sleep(LOOK_SECONDS)

            async def end() -> int:
                await asyncio.sleep(3)
                return await asyncio.to_thread(stop, one.process)

            balancer = asyncio.create_task(balance())
            outcome, code = await asyncio.gather(
                self.load(lambda: ready, self.half(), 12 * self.brisk), end()
            )
            balancer.cancel()
        remarks = f"lame duck {LAME_DUCK_SECONDS} s, exit code {code}"
        gap = recovery(outcome, self.calm) - 3
        return Row(
            "drain", f"{self.half():,.0f}/s on two", "1 SIGTERM", outcome, seconds(max(gap, 0)), remarks
        )

    async def soak(self) -> Row:
        """200,000 requests, and what they leave in memory."""
        with self.start() as service:

            def place() -> list[str]:
                return [service.url]

            rate = 0.6 * self.knee
            await self.load(place, rate, 20_000 * self.brisk / rate)
            process = worker(service)
            before = process.memory_info().rss
            outcome = await self.load(place, rate, 200_000 * self.brisk / rate)
            growth = (process.memory_info().rss - before) / 1e6
        remarks = f"resident memory {before / 1e6:,.0f} MB, growth {growth:+.1f} MB"
        return Row("soak", f"{rate:,.0f}/s", "–", outcome, "–", remarks)

    async def bad_clients(self) -> Row:
        """Broken bodies, broken HTTP, slow senders and early leavers among good requests."""
        with self.start() as service:
            url = urlsplit(service.url)
            address = (str(url.hostname), int(url.port or 80))
            seen: list[int] = []

            async def harass() -> None:
                chance = random.Random(2)
                end = monotonic() + 20 * self.brisk
                while monotonic() < end:
                    vandals = [vandal(address, chance) for _ in range(10)]
                    seen.extend(await asyncio.gather(*vandals))

            def place() -> list[str]:
                return [service.url]

            outcome, _ = await asyncio.gather(self.load(place, self.half(), 20 * self.brisk), harass())
        broken = sum(code >= 500 or code == 200 for code in seen)
        answered = sum(code > 0 for code in seen)
        left = len(seen) - answered
        remarks = f"{answered - broken:,} of the bad got a 4xx, {broken} a 2xx or 5xx, {left:,} left before"
        return Row(
            "bad clients", f"{self.half():,.0f}/s", f"{len(seen):,} bad requests", outcome, "–", remarks
        )


T = TypeVar("T")


@contextlib.contextmanager
def on_first_core(start: contextlib.AbstractContextManager[T]) -> Iterator[T]:
    """Start a service on the first core, then give this program the others."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with start as service:
            os.sched_setaffinity(0, cores - {min(cores)} or cores)
            yield service
    finally:
        os.sched_setaffinity(0, cores)


def worker(service: Service) -> psutil.Process:
    """The service's worker process."""
    return next(child for child in psutil.Process(service.process.pid).children() if is_running_worker(child))


def recovery(outcome: Outcome, calm: Outcome | None) -> float:
    """Seconds from a load's start until from then on all is as at half load.

    That is: each half second's requests are all answered with 200, nine in ten of them within ten
    times the usual median.
    """
    usual = max(10 * (calm.percentile(50) if calm else 0) / 1000, 0.02)
    last = 0.0
    windows: dict[int, list[bool]] = {}
    for due, took, code in outcome.answers:
        windows.setdefault(int(due / 0.5), []).append(code == 200 and took < usual)
    for window, well in windows.items():
        if sum(well) < 0.9 * len(well):
            last = max(last, 0.5 * (window + 1))
    return last


def seconds(value: float) -> str:
    """For the table."""
    return f"{value:.1f} s" if value else "at once"


def status(url: str) -> int:
    """Of a GET; 0 without an answer."""
    try:
        with urlopen(url, timeout=1) as answer:
            return int(answer.status)
    except URLError as error:
        return int(getattr(error, "code", 0))
    except OSError:
        return 0


async def vandal(address: tuple[str, int], chance: random.Random) -> int:
    """One bad request; the status that it got, 0 if it left before or was cut off."""
    body = json.dumps(EXAMPLE).encode()
    kind = chance.randrange(6)
    if kind == 0:  # a body with one byte changed to something that no JSON number or name has
        at = chance.randrange(len(body))
        body = body[:at] + bytes([chance.choice(b"\x00\xff@~`")]) + body[at + 1 :]
    elif kind == 1:  # an impossible value
        field = chance.choice(sorted(EXAMPLE))
        body = json.dumps({**EXAMPLE, field: chance.choice([1e6, -1e6, None, "1", True, [1]])}).encode()
    length = len(body)
    media_type = b"application/x-pickle" if kind == 2 else b"application/json"
    data = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
        media_type,
        10**9 if kind == 3 else length,
    )
    data += body
    if kind == 4:  # leaves in the middle
        data = data[: chance.randrange(len(data))]
    elif kind == 5:  # no HTTP
        data = chance.randbytes(100) + b"\r\n\r\n"
    reader, writer = await asyncio.open_connection(*address)
    code = 0
    with suppress(OSError, asyncio.TimeoutError):
        writer.write(data[:50])
        await asyncio.sleep(chance.random() / 10)
        writer.write(data[50:])
        if kind != 4:
            line = await asyncio.wait_for(reader.readline(), 10)
            code = int(line.split()[1]) if line.startswith(b"HTTP/1.1 ") else 0
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return code


def published(file: Path, command: str, table: str) -> None:
    """Put a table between the marks that name its command."""
    begin, end = f"<!-- {command} -->\n", f"<!-- end of {command} -->"
    before, rest = file.read_text().split(begin)
    file.write_text(before + begin + table + end + rest.split(end)[1])


def main() -> int:
    """1 when a request was lost or an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos", description=__doc__)
    parser.add_argument("--brisk", type=float, default=1.0, help="times all durations (0.1: a quick look)")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/operations.md")
    given = parser.parse_args()
    lines = [HEADER]
    failed = False
    print(HEADER, flush=True)
    with store() as home:
        chaos = Chaos(home, questions(), given.brisk)
        scenarios: list[Callable[[], Coroutine[Any, Any, Row]]] = [
            chaos.overload,
            chaos.killed_worker,
            chaos.drain,
            chaos.soak,
            chaos.bad_clients,
        ]
        for scenario in scenarios:
            row = uvloop.run(scenario())
            failed = failed or bool(row.outcome.lost or row.outcome.wrong or bad(row.outcome))
            lines.append(str(row))
            print(row, flush=True)
    if given.publish:
        published(PROJECT / "docs" / "operations.md", "make chaos", "\n".join(lines) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
