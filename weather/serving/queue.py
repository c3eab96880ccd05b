"""BentoML's batching dispatcher, called directly and without waiting for larger batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from bentoml._internal.marshal.dispatcher import CorkDispatcher, Optimizer

from weather.http.problems import Problem
from weather.telemetry.metrics import count_refusal

Submit = Callable[[Any], Coroutine[Any, Any, Any]]
"""Puts one item into the queue and waits for its result."""

Observe = Callable[[float], None]


class NoWaitOptimizer(Optimizer):
    """Lets the dispatcher send a batch as soon as the classifier is free.

    BentoML's optimizer delays requests for as long as earlier ones have waited, to get larger
    batches; after a busy period a single client then waits milliseconds for a forecast that takes 50
    microseconds. Batches still form, from the requests that arrive while one is computed.
    """

    queue_wait: Observe | None = None
    """Called once per batch with the queueing time of its oldest row, in seconds. BentoML reports 0 for
    the first ten batches."""

    def log_outbound(self, n: int, wait: float, duration: float) -> None:
        """Called by the dispatcher once per batch."""
        if self.queue_wait is not None:
            self.queue_wait(max(wait, 0.0))
        super().log_outbound(n, wait, duration)

    def trigger_refresh(self) -> None:
        """Estimate the duration of batches as BentoML does, but never a delay."""
        super().trigger_refresh()
        self.wait = 0


def batching_queue(
    dispatcher: CorkDispatcher[Any, Any],
    method: Callable[[Any, Sequence[Any]], Awaitable[Sequence[Any]]],
    instance: object,
    queue_wait: Observe | None,
    batch_size: Observe | None,
) -> Submit:
    """A function that passes single rows through the dispatcher to ``method`` of ``instance``.

    BentoML wraps the dispatcher again for each request and looks the method up through a descriptor
    that inspects its signature (1.7 x). ``queue_wait`` and ``batch_size`` get one value per batch.
    """
    dispatcher.get_batch_size = _one_row
    dispatcher.optimizer = NoWaitOptimizer(dispatcher.max_latency)
    dispatcher.optimizer.queue_wait = queue_wait

    async def compute(items: Sequence[Any]) -> Sequence[Any]:
        if batch_size is not None:
            batch_size(len(items))
        return await method(instance, items)

    dispatcher.callback = compute
    controller = asyncio.get_running_loop().create_task(dispatcher.controller())
    dispatcher._controller = controller  # type: ignore[assignment]

    async def submit(item: Any) -> Any:
        try:
            result = await dispatcher.inbound_call(item)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the request itself was cancelled
            count_refusal("queue")
            raise Problem(503) from None  # the dispatcher dropped the item: it waited too long
        if isinstance(result, Exception):
            raise result
        return result

    return submit


def _one_row(_: object) -> int:
    return 1
