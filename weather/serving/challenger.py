"""A challenger: a second classifier that computes what the served one has answered, for comparison."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.optional import optional_fields
from weather.contract.variables import FEATURES, LABELS
from weather.http.settings import Settings
from weather.model.classifier import Classifier
from weather.model.loading import NotServable, load, stored_pair
from weather.model.manifest import manifest_of
from weather.telemetry.challenger_metrics import ChallengerMetrics
from weather.telemetry.forecast_log import CHUNK, NO_OPINION, Answered, ForecastLog, Opinion

log = logging.getLogger("bentoml.weather")

MAX_PENDING_ROWS = 20_000
"""Rows that may wait for the challenger, two full bulk requests; 2 MB."""

IDLE_SECONDS = 0.002
"""How often to look whether the service has become idle, while something waits."""


class Challenger:
    """Computes batches again once no request is in flight, so that it delays no answer.

    It works in chunks, like a bulk request: a request that arrives waits for one of them at most, half a
    millisecond. Batches that find no room are dropped and counted. The forecast log gets each line when
    the challenger has computed it, or at once if it will not.
    """

    def __init__(self, tag: str, share: float, forecast_log: ForecastLog | None) -> None:
        self.tag = tag
        self.share = share
        self.forecast_log = forecast_log
        self.metrics = ChallengerMetrics(tag)
        self.metrics.loaded.set(0)
        self.classifier: Classifier | None = None
        self.required: list[int] = []
        self.pending: deque[Answered] = deque()
        self.rows = 0
        self.news = asyncio.Event()
        self.random = np.random.default_rng()
        self.task: asyncio.Task[None] | None = None

    def start(self, idle: Callable[[], bool]) -> None:
        """Load in the background, then compute whenever the service is ``idle``."""
        self.task = asyncio.create_task(self.run(idle))

    async def stop(self) -> None:
        """Log what waits without the challenger's answers."""
        if self.task is not None:
            self.task.cancel()
        self.classifier = None
        await self.give_up()

    async def record(self, answered: Answered) -> None:
        """Take a batch that was answered, or have it logged as it is."""
        if self.takes(answered):
            self.pending.append(answered)
            self.rows += len(answered)
            self.news.set()
        elif self.forecast_log is not None:
            await self.forecast_log.record(answered)

    def takes(self, answered: Answered) -> bool:
        """Whether to compute a batch: it is drawn, another model answered, and there is room for it."""
        if self.classifier is None or answered.model == self.tag or self.random.random() >= self.share:
            return False
        if self.rows + len(answered) > MAX_PENDING_ROWS:
            self.metrics.dropped.labels("busy").inc(len(answered))
            return False
        return True

    async def run(self, idle: Callable[[], bool]) -> None:
        """Load, then compute; a challenger that fails does no harm beyond a line in the log and a metric."""
        try:
            await self.load()
            while True:
                await self.news.wait()
                while not idle():
                    await asyncio.sleep(IDLE_SECONDS)
                answered = self.pending.popleft()
                self.rows -= len(answered)
                rest = answered.part(CHUNK, len(answered))
                if len(rest):
                    self.pending.appendleft(rest)
                    self.rows += len(rest)
                if not self.pending:
                    self.news.clear()
                self.compute(answered.part(0))
                await asyncio.sleep(0)
        except NotServable as reason:
            log.error("The challenger %s does not compute: %s", self.tag, reason)
        except Exception:
            log.exception("The challenger %s failed, and computes no more", self.tag)
        self.classifier = None
        self.metrics.loaded.set(0)
        await self.give_up()

    async def load(self) -> None:
        """Load and check it, in a thread, as another pair that is to be served.

        Raises:
            NotServable: see ``stored_pair`` and ``load``.
        """
        scaler, model = await asyncio.to_thread(stored_pair, self.tag)
        classifier = await asyncio.to_thread(load, scaler, model)
        manifest = manifest_of(model)
        optional = optional_fields(manifest)
        self.required = [at for at, name in enumerate(FEATURES) if name not in optional]
        self.metrics.start(manifest)
        self.tag = str(model.tag)
        self.classifier = classifier
        log.info("The challenger is %s", self.tag)

    def compute(self, answered: Answered) -> None:
        """Compute a chunk, count how it compares, and log it.

        Rows that lack a field which the challenger needs are left out.
        """
        assert self.classifier is not None
        able = ~np.isnan(answered.rows[:, self.required]).any(axis=1)
        at = np.flatnonzero(able).tolist()
        if len(at) < len(answered):
            self.metrics.dropped.labels("missing").inc(len(answered) - len(at))
        opinions: list[Opinion] = [NO_OPINION] * len(answered)
        if at:
            rows = answered.rows[able]
            decisions, probabilities = self.classifier.decide(rows)
            ours = (np.array(answered.decisions)[able], floats(answered.probabilities)[able])
            self.metrics.count(rows, ours, (np.array(decisions), floats(probabilities)))
            for i, decision, probability in zip(at, decisions, probabilities, strict=True):
                opinions[i] = (probability, LABELS[decision], self.tag)
        if self.forecast_log is not None:
            self.forecast_log.write(answered, opinions)

    async def give_up(self) -> None:
        """Log what waits as it is."""
        while self.pending:
            answered = self.pending.popleft()
            self.rows -= len(answered)
            if self.forecast_log is not None:
                await self.forecast_log.record(answered)


def floats(values: Any) -> NDArray[np.float64]:
    """Probabilities, NaN for None."""
    return np.array(values, np.float64)


def recorder(settings: Settings) -> ForecastLog | Challenger | None:
    """What gets each batch that was answered, if anything does."""
    rate, challenger = settings.forecast_log_rate, settings.challenger
    forecast_log = ForecastLog(rate, challenged=challenger is not None) if rate else None
    if challenger is None:
        return forecast_log
    return Challenger(challenger, settings.challenger_share, forecast_log)
