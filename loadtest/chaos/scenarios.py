"""The scenarios of ``make chaos``; each returns its row of the table."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from loadtest.bad_clients import bad_request
from loadtest.chaos import swapping
from loadtest.chaos.rows import Row, recovery, seconds
from loadtest.harness import on_first_core, progress, status_of, worker
from loadtest.openloop import Load, Outcome
from loadtest.requests import Request
from loadtest.serving import Service, running, stop

STEPS = (500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 6000, 8000)
"""Rates in requests per second. The knee is the last one at which 95 % of the requests get a forecast."""

LAME_DUCK_SECONDS = 3
POLL_SECONDS = 0.25
"""Interval at which the simulated load balancer polls ``/readyz``."""

FAULT_SECONDS = 3
"""Seconds from the start of the load to the fault."""


@dataclass
class Chaos:
    """The scenarios. ``scale`` multiplies their durations; the overload scenario comes first, because
    it measures the knee and the baseline that the others use.
    """

    home: Path
    requests: Sequence[Request]
    scale: float
    knee: float = 0.0
    peak: float = 0.0
    baseline: Outcome | None = None

    def start(self, **env: str) -> AbstractContextManager[Service]:
        """The service on the first core; this process has the others."""
        return on_first_core(running(self.home, env=env))

    @property
    def half_load(self) -> float:
        """Half of the knee, in requests per second."""
        return self.knee / 2

    async def load(self, urls: Sequence[str], rate: float, seconds: float) -> Outcome:
        """Offer a load to the services at ``urls``, which may change while it runs."""
        progress(f"  {rate:,.0f} requests/s for {seconds:.0f} s")
        return await Load(lambda: urls, self.requests, rate, seconds).run()

    async def sustains(self, url: str, rate: float) -> bool:
        """Whether 95 % of the requests at this rate get a forecast."""
        step = await self.load([url], rate, 4)
        self.peak = max(self.peak, step.goodput())
        return step.count(200) >= 0.95 * step.offered

    async def overload(self) -> Row:
        """Three times the knee, for a minute."""
        with self.start() as service:
            await self.load([service.url], 500, 3)
            for rate in STEPS:
                # Each step has a second try, because a pause of the machine must not be taken for the knee.
                if not await self.sustains(service.url, rate) and not await self.sustains(service.url, rate):
                    break
                self.knee = rate
            baseline = self.baseline = await self.load([service.url], self.half_load, 10 * self.scale)
            overload = await self.load([service.url], 3 * self.knee, 60 * self.scale)
            after = await self.load([service.url], self.half_load, 8)
        p50, p99, longest = (overload.percentile(percent, 429) for percent in (50, 99, 100))
        remarks = (
            f"goodput {overload.goodput():,.0f}/s, {overload.goodput() / self.peak:.0%} of its peak "
            f"{self.peak:,.0f}/s; rejected within {p50:.0f} / {p99:.0f} / {longest:.0f} ms "
            f"(p50 / p99 / longest); answered p50 / p99 "
            f"{overload.percentile(50):.0f} / {overload.percentile(99):.0f} ms, at half load "
            f"{baseline.percentile(50):.1f} / {baseline.percentile(99):.1f} ms"
        )
        load = f"{3 * self.knee:,.0f}/s, 3 × the knee of {self.knee:,.0f}/s, {60 * self.scale:.0f} s"
        return Row("overload", load, "–", overload, seconds(recovery(after, baseline)), remarks)

    async def killed_worker(self) -> Row:
        """SIGKILL to the only worker."""
        with self.start() as service:

            async def kill() -> None:
                await asyncio.sleep(FAULT_SECONDS)
                os.kill(worker(service).pid, signal.SIGKILL)

            rate, duration = self.half_load / 2, max(30 * self.scale, 2 * FAULT_SECONDS)
            outcome, _ = await asyncio.gather(self.load([service.url], rate, duration), kill())
        gap = max(recovery(outcome, self.baseline) - FAULT_SECONDS, 0)
        remarks = "BentoML starts another worker; until then connections wait in the socket's backlog"
        return Row("killed worker", f"{rate:,.0f}/s", "1 SIGKILL", outcome, seconds(gap), remarks)

    async def drain(self) -> Row:
        """SIGTERM to one of two services behind a load balancer that polls ``/readyz``."""
        lame_duck = {"WEATHER_LAME_DUCK_SECONDS": str(LAME_DUCK_SECONDS)}
        with self.start(**lame_duck) as one, self.start(**lame_duck) as two:
            ready = [one.url, two.url]

            async def balance() -> None:
                while True:
                    for url in (one.url, two.url):
                        if url in ready and await asyncio.to_thread(status_of, f"{url}/readyz") != 200:
                            ready.remove(url)
                    await asyncio.sleep(POLL_SECONDS)

            async def end() -> int:
                await asyncio.sleep(FAULT_SECONDS)
                return await asyncio.to_thread(stop, one.process)

            balancer = asyncio.create_task(balance())
            duration = max(12 * self.scale, 2 * FAULT_SECONDS)
            outcome, code = await asyncio.gather(self.load(ready, self.half_load, duration), end())
            balancer.cancel()
        gap = max(recovery(outcome, self.baseline) - FAULT_SECONDS, 0)
        remarks = f"lame-duck period {LAME_DUCK_SECONDS} s, exit code {code}"
        return Row("drain", f"{self.half_load:,.0f}/s on two", "1 SIGTERM", outcome, seconds(gap), remarks)

    async def soak(self) -> Row:
        """200,000 requests, and the growth of the worker's memory."""
        with self.start() as service:
            rate = 0.6 * self.knee
            await self.load([service.url], rate, 20_000 * self.scale / rate)
            process = worker(service)
            before = process.memory_info().rss
            outcome = await self.load([service.url], rate, 200_000 * self.scale / rate)
            growth = (process.memory_info().rss - before) / 1e6
        remarks = f"resident memory {before / 1e6:,.0f} MB, growth {growth:+.1f} MB"
        return Row("soak", f"{rate:,.0f}/s", "–", outcome, "–", remarks)

    async def bad_clients(self) -> Row:
        """Invalid bodies, broken HTTP, slow senders and clients that leave, among valid requests."""
        with self.start() as service:
            url = urlsplit(service.url)
            address = (str(url.hostname), int(url.port or 80))
            statuses: list[int] = []

            async def send_bad_requests() -> None:
                rng = random.Random(2)
                end = monotonic() + 20 * self.scale
                while monotonic() < end:
                    statuses.extend(await asyncio.gather(*(bad_request(address, rng) for _ in range(10))))

            load = self.load([service.url], self.half_load, 20 * self.scale)
            outcome, _ = await asyncio.gather(load, send_bad_requests())
        wrong = sum(status >= 500 or status == 200 for status in statuses)
        answered = sum(status > 0 for status in statuses)
        remarks = (
            f"{answered - wrong:,} of the bad requests got a 4xx, {wrong} a 2xx or 5xx, "
            f"{len(statuses) - answered:,} no response because one side closed"
        )
        faults = f"{len(statuses):,} bad requests"
        return Row("bad clients", f"{self.half_load:,.0f}/s", faults, outcome, "–", remarks)

    async def swapped_model(self) -> Row:
        """Another model is served, back and forth, while requests come."""
        with swapping.two_models() as (home, models):
            requests = swapping.requests(home, models)
            follow = {"WEATHER_FOLLOW_LATEST": "0.5"}
            with on_first_core(running(home, env=follow)) as service:
                duration = max(20 * self.scale, 2 * FAULT_SECONDS)
                load = Load(lambda: [service.url], requests, self.half_load, duration)
                outcome, swaps = await asyncio.gather(
                    load.run(), swapping.back_and_forth(home, models, service.url, duration)
                )
        remarks = (
            f"each answer is that of the model which its X-Model-Version names; answered p50 / p99 "
            f"{outcome.percentile(50):.1f} / {outcome.percentile(99):.1f} ms"
        )
        return Row(
            "model swapped under load", f"{self.half_load:,.0f}/s", f"{swaps} swaps", outcome, "–", remarks
        )
