from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from weather.http import deadline


async def slow(_: Request) -> Response:
    await asyncio.sleep(30)
    return PlainTextResponse("late")


async def quick(_: Request) -> Response:
    return PlainTextResponse("in time")


def ask(path: str, seconds: float) -> httpx.Response:
    app = Starlette(
        routes=[Route("/slow", slow), Route("/quick", quick)],
        middleware=[Middleware(deadline.Deadline, seconds=seconds)],
    )

    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            answer = await client.get(path)
            await asyncio.sleep(1.2 * seconds)  # past the deadline: a timer left behind would cancel this
            return answer

    return asyncio.run(once())


def test_a_late_response_is_replaced_by_a_504() -> None:
    answer = ask("/slow", seconds=0.05)
    assert answer.status_code == 504
    assert answer.json() == {
        "error": "the forecast did not complete within the service's timeout",
        "detail": [],
    }


def test_a_response_in_time_is_unchanged() -> None:
    assert ask("/quick", seconds=1).text == "in time"


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def test_a_504_comes_at_most_a_tenth_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the request starts, relative to the timer that serves all requests."""
    loop = VirtualLoop()
    monkeypatch.setattr(deadline, "monotonic", loop.time)

    async def app(*_: object) -> None:
        await asyncio.sleep(1000)

    middleware = deadline.Deadline(app, seconds=10)

    async def duration(start: float) -> float:
        await asyncio.sleep(start)
        before = loop.time()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 504

        await middleware({"type": "http"}, None, send)  # type: ignore[arg-type]
        return loop.time() - before

    async def run() -> list[float]:
        return await asyncio.gather(*(duration(start) for start in np.arange(0, 20, 0.37)))

    try:
        durations = loop.run_until_complete(run())
    finally:
        loop.close()
    assert min(durations) >= 10
    assert max(durations) <= 11 + 1e-6


def test_after_a_504_the_task_is_not_cancelled_any_more() -> None:
    """Or else a timeout or a task group around the middleware would take it for cancelled."""

    async def run() -> None:
        async def app(*_: object) -> None:
            await asyncio.sleep(30)

        async def send(message: Any) -> None:
            statuses.append(message.get("status"))

        statuses: list[int | None] = []
        await deadline.Deadline(app, seconds=0.01)({"type": "http"}, None, send)  # type: ignore[arg-type]
        assert statuses[0] == 504
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))

    asyncio.run(run())


def test_a_response_that_has_started_is_not_followed_by_a_504() -> None:
    async def run() -> list[str]:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.sleep(30)

        async def send(message: Any) -> None:
            types.append(message["type"])

        types: list[str] = []
        with pytest.raises(asyncio.CancelledError):
            await deadline.Deadline(app, seconds=0.01)({"type": "http"}, None, send)  # type: ignore[arg-type]
        return types

    assert asyncio.run(run()) == ["http.response.start"]


def test_a_lifespan_is_passed_on_and_has_no_deadline() -> None:
    async def run() -> None:
        passed: list[object] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            passed.extend((scope, receive, send))
            await middleware({"type": "http"}, None, no_send)  # type: ignore[arg-type]

        async def request(*_: object) -> None:
            await asyncio.sleep(0.05)

        async def no_send(_: object) -> None:
            return

        middleware = deadline.Deadline(request, seconds=0.01)
        lifespan = deadline.Deadline(app, seconds=0.01)
        await lifespan({"type": "lifespan"}, None, no_send)  # type: ignore[arg-type]
        assert passed == [{"type": "lifespan"}, None, no_send]
        assert lifespan.timer is None

    asyncio.run(run())


def test_a_request_is_passed_on_and_forgotten_after_its_504() -> None:
    async def run() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def app(scope: Scope, theirs: Receive, send: Send) -> None:
            assert scope == {"type": "http"}
            assert theirs is receive
            await asyncio.sleep(30)

        async def send(_: object) -> None:
            return

        middleware = deadline.Deadline(app, seconds=0.01)
        await middleware({"type": "http"}, receive, send)
        assert (middleware.running, middleware.expired) == ({}, set())

    asyncio.run(run())


def test_the_timer_stops_when_no_request_is_running() -> None:
    async def run() -> None:
        async def app(*_: object) -> None:
            return

        middleware = deadline.Deadline(app, seconds=0.01)
        await middleware({"type": "http"}, None, None)  # type: ignore[arg-type]
        assert not middleware.running
        while middleware.timer is not None:
            await asyncio.sleep(0.001)

    asyncio.run(run())


def test_a_cancellation_from_outside_is_not_turned_into_a_504() -> None:
    async def cancelled() -> None:
        async def app(*_: object) -> None:
            await asyncio.sleep(30)

        middleware = deadline.Deadline(app, seconds=30)
        scope = {"type": "http"}
        task = asyncio.create_task(middleware(scope, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
