from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from weather.http.deadline import Deadline


async def slow(_: Request) -> Response:
    await asyncio.sleep(30)
    return PlainTextResponse("late")


async def quick(_: Request) -> Response:
    return PlainTextResponse("in time")


def ask(path: str) -> httpx.Response:
    app = Starlette(
        routes=[Route("/slow", slow), Route("/quick", quick)],
        middleware=[Middleware(Deadline, seconds=0.05)],
    )

    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            answer = await client.get(path)
            await asyncio.sleep(0.1)  # past the deadline: a timer left behind would cancel this
            return answer

    return asyncio.run(once())


def test_a_late_answer_is_a_504_in_the_one_shape() -> None:
    answer = ask("/slow")
    assert answer.status_code == 504
    assert answer.json() == {
        "error": "the forecast did not complete within the service's timeout",
        "detail": [],
    }


def test_an_answer_in_time_is_left_alone_and_so_is_its_task() -> None:
    assert ask("/quick").text == "in time"


def test_a_cancellation_from_outside_stays_one() -> None:
    async def cancelled() -> None:
        async def app(*_: object) -> None:
            await asyncio.sleep(30)

        middleware = Deadline(app, seconds=30)
        scope = {"type": "http"}
        task = asyncio.create_task(middleware(scope, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
