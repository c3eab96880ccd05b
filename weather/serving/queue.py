"""Adaptive batching: single rows that arrive together are computed together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

from weather.http.problems import Problem
from weather.telemetry.metrics import count_refusal

Row = TypeVar("Row")
Model = TypeVar("Model")
Result = TypeVar("Result")

Observe = Callable[[float], None]


class Pending(NamedTuple):
    """A row that waits for its batch."""

    row: Any
    model: Any
    result: asyncio.Future[Any]
    arrival: float


class BatchingQueue(Generic[Row, Model, Result]):
    """Passes single rows to ``compute`` in batches of at most ``max_batch_size``.

    A batch starts as soon as the one before it is done, with the rows that have arrived by then; no
    row waits for a larger batch. The rows of a batch are for the same model, the one that each was
    submitted with: when another model is served, the rows before it go to the old one. A row that has
    waited for more than ``max_latency`` seconds is rejected with 503. ``queue_wait`` gets the waiting
    time in seconds of the oldest row of each batch, ``batch_size`` its number of rows.

    BentoML's dispatcher does the same with a lock, a list of samples and a generator over the queue for
    each batch; docs/decisions/ has the comparison.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Row], Model], Awaitable[Sequence[Result]]],
        max_batch_size: int,
        max_latency: float,
        queue_wait: Observe | None = None,
        batch_size: Observe | None = None,
    ) -> None:
        self.compute = compute
        self.max_batch_size = max_batch_size
        self.max_latency = max_latency
        self.queue_wait = queue_wait
        self.batch_size = batch_size
        self.pending: deque[Pending] = deque()
        self.running: asyncio.Task[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def submit(self, row: Row, model: Model) -> Result:
        """The result of one row, computed with ``model``.

        Raises:
            Problem: 503, if the row has waited for too long.
            Exception: what ``compute`` raised for the batch of the row.
        """
        if self.loop is None:  # asked once: in Python 3.11 it costs a system call (getpid)
            self.loop = asyncio.get_running_loop()
        result: asyncio.Future[Result] = self.loop.create_future()
        self.pending.append(Pending(row, model, result, perf_counter()))
        if self.running is None:
            # The task starts after all rows of this iteration of the event loop have been submitted.
            self.running = self.loop.create_task(self.run())
        return await result

    async def run(self) -> None:
        """Compute batches until no row is pending."""
        try:
            while self.pending:
                batch = self.next_batch()
                if batch:
                    await self.compute_batch(batch)
        finally:
            self.running = None

    def next_batch(self) -> list[Pending]:
        """The oldest rows that still have a client, without those that have waited for too long."""
        batch: list[Pending] = []
        now = perf_counter()
        model = self.pending[0].model
        while self.pending and len(batch) < self.max_batch_size and self.pending[0].model is model:
            item = self.pending.popleft()
            if item.result.done():  # the request was cancelled
                continue
            if now - item.arrival > self.max_latency:
                count_refusal("queue")
                item.result.set_exception(Problem(503))
                continue
            batch.append(item)
        if batch:
            if self.queue_wait is not None:
                self.queue_wait(now - batch[0].arrival)
            if self.batch_size is not None:
                self.batch_size(len(batch))
        return batch

    async def compute_batch(self, batch: Sequence[Pending]) -> None:
        """Give each row its own result, or all of them the exception."""
        try:
            results = await self.compute([item.row for item in batch], batch[0].model)
            pairs = list(zip(batch, results, strict=True))
        except Exception as error:
            for item in batch:
                if not item.result.done():
                    item.result.set_exception(error)
            return
        for item, result in pairs:
            if not item.result.done():
                item.result.set_result(result)
