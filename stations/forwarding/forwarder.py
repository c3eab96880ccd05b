"""Requests forecasts for queued hours and stores them; after a failure it continues where it stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from stations import metrics
from stations.forwarding.breaker import Breaker
from stations.forwarding.client import Answers, ForecastService, Model, RowsRefused, Unavailable
from stations.forwarding.inputs import MAX_CARRY_HOURS, Incomplete, Input, complete
from stations.settings import Settings
from stations.store import queue
from stations.store.access import Database, DatabaseFailed
from stations.store.writing import Key, dequeue, write_forecasts

log = logging.getLogger("stations.forwarding")

LOOK_SECONDS = 5.0
"""Interval at which the queue is read even without ``ring``: another process may have added to it."""

MODEL_ATTEMPTS = 5
"""Attempts to get forecasts and ``/model`` from the same model: during a rollout replicas differ."""

Published = Callable[[Sequence[Mapping[str, Any]]], Awaitable[None]]
"""Called with forecasts once they are on disk."""


class Forwarder:
    """Turns queued rows of the table ``hours`` into rows of the table ``forecasts``.

    The queue is in the database, so nothing is lost if the process ends. A forecast is stored in the same
    transaction that removes its hour from the queue. If the process is killed before, the forecast is
    requested again.
    """

    def __init__(self, database: Database, service: ForecastService, settings: Settings) -> None:
        self.database = database
        self.service = service
        self.settings = settings
        self.breaker = Breaker(settings.breaker_failures, settings.retry_seconds, settings.retry_max_seconds)
        self.bell = asyncio.Event()
        self.waiting: dict[Key, set[asyncio.Future[None]]] = {}
        self.listeners: list[Published] = []
        self.model: Model | None = None

    def ring(self) -> None:
        """Signal that the queue has new hours."""
        self.bell.set()

    async def wait_for(self, keys: Collection[Key], seconds: float) -> None:
        """Wait until these hours have been forwarded, at most ``seconds``; not while the breaker is open."""
        if not keys or self.breaker.open:
            return
        loop = asyncio.get_running_loop()
        futures = {key: loop.create_future() for key in keys}
        for key, future in futures.items():
            self.waiting.setdefault(key, set()).add(future)
        self.ring()
        try:
            await asyncio.wait(futures.values(), timeout=seconds)
        finally:
            for key, future in futures.items():
                self.waiting.get(key, set()).discard(future)
                future.cancel()

    async def run(self) -> None:
        """Forward until cancelled."""
        while True:
            pause = 0.0
            try:
                done = await self.step()
                self.breaker.succeeded()
                if not done:
                    await self._rest()
            except Unavailable as error:
                if not self.breaker.open:
                    log.warning("%s", error)
                pause = self.breaker.failed(str(error), error.retry_after)
                if self.breaker.open:
                    self._release_all()
            except DatabaseFailed as error:
                log.error("%s", error)
                pause = self.settings.retry_max_seconds
            await asyncio.sleep(pause)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self.bell.wait(), LOOK_SECONDS)
        except TimeoutError:
            return

    async def step(self) -> bool:
        """Forward one batch; returns whether there was one.

        Raises:
            Unavailable: the forecast service did not answer; the queue is unchanged.
            DatabaseFailed: the database did not store the answer; the queue is unchanged.
        """
        self.bell.clear()
        hours, earlier = await self.database.read(self._read)
        if not hours:
            return False
        inputs, answers, reasons = await self._ask(hours, earlier)
        revisions = {(row["station"], row["hour"]): row["revision"] for row in hours}
        made = self._rows(inputs, answers) if answers else []
        await self.database.write(_write, made, reasons, revisions)
        for key in revisions:
            self._release(key)
        metrics.forecasts.inc(len(made))
        if made:
            for listener in self.listeners:
                await listener(made)
        return True

    def _read(
        self, connection: Connection
    ) -> tuple[list[Mapping[str, Any]], dict[Key, list[Mapping[str, Any]]]]:
        rows = queue.queued(connection, self.settings.batch_rows)
        return rows, queue.earlier(connection, rows, MAX_CARRY_HOURS)

    def _inputs(
        self,
        hours: Sequence[Mapping[str, Any]],
        earlier: Mapping[Key, Sequence[Mapping[str, Any]]],
        model: Model,
    ) -> tuple[dict[Key, Input], dict[Key, str]]:
        inputs: dict[Key, Input] = {}
        reasons: dict[Key, str] = {}
        for hour in hours:
            key = (hour["station"], hour["hour"])
            try:
                inputs[key] = complete(
                    hour, earlier.get(key, ()), model.optional, self.settings.assumed_visibility_km
                )
            except Incomplete as reason:
                reasons[key] = str(reason)
        return inputs, reasons

    async def _ask(
        self, hours: Sequence[Mapping[str, Any]], earlier: Mapping[Key, Sequence[Mapping[str, Any]]]
    ) -> tuple[dict[Key, Input], Answers | None, dict[Key, str]]:
        """The inputs that were answered, the answers, and the reasons why other hours have none.

        If an answer has no ``X-Model-Version``, ``/model`` is requested after it. If the model has changed,
        it is unknown which one answered, and the forecasts are requested again.

        Raises:
            Unavailable: the service failed, or its model changed at each attempt.
        """
        for _ in range(MODEL_ATTEMPTS):
            model = self.model = self.model or await self.service.model()
            inputs, reasons = self._inputs(hours, earlier, model)
            answers, refused = await self._answers(inputs)
            if answers is None or answers.version != model.version:
                self.model = await self.service.model()
            if self.model == model and (answers is None or answers.version in (None, model.version)):
                return inputs, answers, {**reasons, **refused}
        raise Unavailable("the forecast service's model changes between its answers")

    async def _answers(self, inputs: dict[Key, Input]) -> tuple[Answers | None, dict[Key, str]]:
        """The answers, and why rows were refused; refused rows are removed from ``inputs``."""
        refused: dict[Key, str] = {}
        while inputs:
            try:
                return await self.service.forecast([item.values for item in inputs.values()]), refused
            except RowsRefused as error:
                keys = list(inputs)
                for row, reason in error.reasons.items():
                    refused[keys[row]] = reason
                    del inputs[keys[row]]
        return None, refused

    def _rows(self, inputs: Mapping[Key, Input], answers: Answers) -> list[dict[str, Any]]:
        assert self.model is not None
        issued = int(time.time())
        return [
            {
                "station": station,
                "hour": hour,
                **item.values,
                "assumed": list(item.assumed),
                "notes": list(item.notes),
                "rain": answer.rain,
                "probability": answer.probability,
                "horizon_hours": self.model.horizon_hours,
                "model": self.model.version,
                "request_id": answers.request_id,
                "issued": issued,
                "rained": None,
            }
            for ((station, hour), item), answer in zip(inputs.items(), answers.forecasts, strict=True)
        ]

    def _release(self, key: Key) -> None:
        for future in self.waiting.pop(key, ()):
            if not future.done():
                future.set_result(None)

    def _release_all(self) -> None:
        for key in list(self.waiting):
            self._release(key)


def _write(
    connection: Connection,
    made: Sequence[Mapping[str, Any]],
    reasons: Mapping[Key, str],
    revisions: Mapping[Key, int],
) -> None:
    write_forecasts(connection, made, revisions)
    for key, reason in reasons.items():
        dequeue(connection, key, revisions, reason)
