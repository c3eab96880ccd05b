"""The batching queue: each caller gets the result of its own row, whatever happens to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.http.problems import Problem
from weather.serving.queue import BatchingQueue
from weather.telemetry.metrics import count_refusal


class Doubler:
    """Doubles numbers, in batches that wait for ``go``; one with a negative number fails."""

    def __init__(self, max_batch_size: int = 8, max_latency: float = 1000) -> None:
        self.go = asyncio.Event()
        self.batches: list[list[int]] = []
        self.waits: list[float] = []
        self.sizes: list[float] = []
        self.queue: BatchingQueue[int, str, int] = BatchingQueue(
            self.double, max_batch_size, max_latency, self.waits.append, self.sizes.append
        )

    async def double(self, rows: Sequence[int], _: str) -> list[int]:
        self.batches.append(list(rows))
        await self.go.wait()
        if min(rows) < 0:
            raise RuntimeError("a negative number")
        return [2 * row for row in rows]

    def submit(self, *rows: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.queue.submit(row, "model")) for row in rows]

    async def submitted(self, *rows: int) -> list[asyncio.Task[int]]:
        """The rows' tasks, once the first batch is being computed."""
        tasks = self.submit(*rows)
        while not self.batches:
            await asyncio.sleep(0)
        return tasks


def test_rows_of_one_iteration_of_the_event_loop_form_one_batch() -> None:
    async def run() -> None:
        doubler = Doubler()
        doubler.go.set()
        assert await asyncio.gather(*doubler.submit(1, 2, 3)) == [2, 4, 6]
        assert doubler.batches == [[1, 2, 3]]

    asyncio.run(run())


def test_rows_that_arrive_during_a_batch_form_the_next_ones_up_to_the_batch_size() -> None:
    async def run() -> None:
        doubler = Doubler(max_batch_size=4)
        tasks = await doubler.submitted(1)
        tasks += doubler.submit(2, 3, 4, 5, 6)
        await asyncio.sleep(0)
        doubler.go.set()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10, 12]
        assert doubler.batches == [[1], [2, 3, 4, 5], [6]]
        assert doubler.sizes == [1, 4, 1]
        assert len(doubler.waits) == 3
        assert min(doubler.waits) >= 0

    asyncio.run(run())


def test_a_single_row_is_not_delayed() -> None:
    """After a burst too: BentoML's dispatcher then waits for a larger batch."""

    async def run() -> None:
        doubler = Doubler()
        doubler.go.set()
        await asyncio.gather(*doubler.submit(*range(100)))
        task = doubler.submit(7)[0]
        iterations = 0
        while not task.done():
            await asyncio.sleep(0)
            iterations += 1
        assert iterations < 10
        assert task.result() == 14

    asyncio.run(run())


def test_an_exception_reaches_the_batch_and_the_queue_goes_on() -> None:
    async def run() -> None:
        doubler = Doubler()
        doubler.go.set()
        results = await asyncio.gather(*doubler.submit(-1, 2), return_exceptions=True)
        assert [str(result) for result in results] == ["a negative number"] * 2
        assert await doubler.queue.submit(4, "model") == 8

    asyncio.run(run())


def test_a_wrong_number_of_results_is_an_error_for_all() -> None:
    async def run() -> None:
        async def drop_one(rows: Sequence[int], _: str) -> Sequence[int]:
            return rows[1:]

        queue: BatchingQueue[int, str, int] = BatchingQueue(drop_one, 8, 1000)
        tasks = [asyncio.create_task(queue.submit(row, "model")) for row in (1, 2)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, ValueError) for result in results)

    asyncio.run(run())


def test_the_rows_of_a_batch_are_for_the_model_that_they_were_submitted_with() -> None:
    async def run() -> None:
        batches: list[tuple[str, list[int]]] = []

        async def compute(rows: Sequence[int], model: str) -> list[str]:
            batches.append((model, list(rows)))
            return [f"{model} {row}" for row in rows]

        queue: BatchingQueue[int, str, str] = BatchingQueue(compute, 3, 1000)
        models = ["old"] * 4 + ["new"] * 2 + ["old"]
        tasks = [asyncio.create_task(queue.submit(row, model)) for row, model in enumerate(models)]
        assert await asyncio.gather(*tasks) == [f"{model} {row}" for row, model in enumerate(models)]
        assert batches == [("old", [0, 1, 2]), ("old", [3]), ("new", [4, 5]), ("old", [6])]

    asyncio.run(run())


def test_a_row_that_has_waited_for_too_long_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("weather.serving.queue.perf_counter", lambda: now)

    async def run() -> None:
        nonlocal now
        doubler = Doubler(max_latency=0.05)
        first = (await doubler.submitted(1))[0]
        late = doubler.submit(2)[0]
        await asyncio.sleep(0)  # it is pending now
        now = 0.06
        before = count_refusal.counts["queue"]
        doubler.go.set()
        with pytest.raises(Problem) as caught:
            await late
        assert caught.value.status == 503
        assert count_refusal.counts["queue"] == before + 1
        assert await first == 2
        assert doubler.batches == [[1]]

    asyncio.run(run())


def test_a_cancelled_request_leaves_its_batch_to_the_others() -> None:
    async def run() -> None:
        doubler = Doubler()
        tasks = await doubler.submitted(1, 2)
        tasks += doubler.submit(3, 4)
        await asyncio.sleep(0)
        tasks[0].cancel()  # being computed
        tasks[2].cancel()  # still waiting
        doubler.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results] == [
            True,
            False,
            True,
            False,
        ]
        assert (results[1], results[3]) == (4, 8)
        assert doubler.batches == [[1, 2], [4]]

    asyncio.run(run())


@given(
    steps=st.lists(st.tuples(st.integers(-2, 50), st.booleans(), st.integers(0, 3)), min_size=1, max_size=40),
    max_batch_size=st.integers(1, 9),
)
def test_every_caller_gets_its_own_result_an_exception_of_its_batch_or_its_cancellation(
    steps: list[tuple[int, bool, int]], max_batch_size: int
) -> None:
    async def run() -> None:
        batches: list[list[int]] = []

        async def double(rows: Sequence[int], parity: int) -> list[int]:
            batches.append(list(rows))
            assert {row % 2 for row in rows} == {parity}
            for _ in range(len(rows) % 3):
                await asyncio.sleep(0)
            if min(rows) < 0:
                raise RuntimeError("a negative number")
            return [2 * row for row in rows]

        queue: BatchingQueue[int, int, int] = BatchingQueue(double, max_batch_size, 1000)
        tasks = []
        for row, cancel, pause in steps:
            tasks.append(asyncio.create_task(queue.submit(row, row % 2)))
            if cancel:
                tasks[len(tasks) // 2].cancel()
            for _ in range(pause):
                await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for (row, _, _), result in zip(steps, results, strict=True):
            if isinstance(result, RuntimeError):
                assert any(row in batch and min(batch) < 0 for batch in batches)
            else:
                assert result == 2 * row or isinstance(result, asyncio.CancelledError)
        assert all(len(batch) <= max_batch_size for batch in batches)
        assert not queue.pending

    asyncio.run(run())
