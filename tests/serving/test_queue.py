"""What ``weather/serving/queue.py`` relies on in BentoML's dispatcher, and the queue."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence

import pytest
from bentoml._internal.marshal.dispatcher import CorkDispatcher, Optimizer

from weather.http.problems import Problem
from weather.serving.queue import NoWaitOptimizer, Submit, batching_queue


def dispatcher(max_batch_size: int = 8) -> CorkDispatcher[int, int]:
    return CorkDispatcher(1000, max_batch_size, fallback=lambda: 0)


def test_the_dispatcher_has_what_is_used() -> None:
    used = dispatcher()
    for name in ("optimizer", "get_batch_size", "_controller", "max_latency"):
        assert hasattr(used, name)
    assert list(inspect.signature(used.inbound_call).parameters) == ["data"]
    source = inspect.getsource(CorkDispatcher.outbound_call)
    assert "await self.callback(" in source
    assert "self.optimizer.log_outbound(" in source


def test_the_optimizer_estimates_durations_and_never_waits() -> None:
    theirs, ours = Optimizer(1.0), NoWaitOptimizer(1.0)
    for optimizer in (theirs, ours):
        for n in range(1, 40):
            optimizer.log_outbound(n, wait=0.004, duration=0.001 + 0.0001 * n)
        optimizer.trigger_refresh()
    assert theirs.wait > 0
    assert ours.wait == 0
    assert (ours.o_a, ours.o_b) == (theirs.o_a, theirs.o_b)


class Doubler:
    """Doubles numbers; ``go`` lets its batches proceed."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.batches: list[list[int]] = []

    async def double(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.go.wait()
        if -1 in items:
            raise RuntimeError("a negative number")
        return [2 * item for item in items]


def queue_of(doubler: Doubler, used: CorkDispatcher[int, int], sizes: list[float]) -> Submit:
    return batching_queue(used, Doubler.double, doubler, None, sizes.append)


def test_items_that_arrive_during_a_batch_form_the_next_one() -> None:
    async def run() -> None:
        doubler, sizes, used = Doubler(), list[float](), dispatcher(max_batch_size=4)
        submit = queue_of(doubler, used, sizes)
        first = asyncio.create_task(submit(1))
        while not doubler.batches:
            await asyncio.sleep(0)
        others = [asyncio.create_task(submit(number)) for number in (2, 3, 4, 5, 6)]
        await asyncio.sleep(0)
        doubler.go.set()
        assert [await task for task in (first, *others)] == [2, 4, 6, 8, 10, 12]
        assert sum(sizes) == 6
        assert all(len(batch) <= 4 for batch in doubler.batches)
        used.shutdown()

    asyncio.run(run())


def test_an_exception_reaches_the_request_and_the_queue_goes_on() -> None:
    async def run() -> None:
        doubler, used = Doubler(), dispatcher()
        submit = queue_of(doubler, used, [])
        doubler.go.set()
        with pytest.raises(RuntimeError, match="negative"):
            await submit(-1)
        assert await submit(4) == 8
        used.shutdown()

    asyncio.run(run())


def test_an_item_that_the_dispatcher_drops_is_a_503_and_a_cancelled_request_stays_cancelled() -> None:
    async def run() -> None:
        doubler, used = Doubler(), dispatcher()
        submit = queue_of(doubler, used, [])
        busy = asyncio.create_task(submit(1))
        while not doubler.batches:
            await asyncio.sleep(0)
        dropped, cancelled = asyncio.create_task(submit(2)), asyncio.create_task(submit(3))
        while len(used._queue) < 2:
            await asyncio.sleep(0)
        used._queue[0].future.cancel()
        with pytest.raises(Problem) as caught:
            await dropped
        assert caught.value.status == 503
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        doubler.go.set()
        assert await busy == 2
        used.shutdown()

    asyncio.run(run())
