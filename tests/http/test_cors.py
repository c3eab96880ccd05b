"""``Cors`` as the outermost middleware: also the errors that nobody inside has made in time have the headers.

What a browser makes of them is in tests/pages/test_cors.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from weather.http.cors import EXPOSED, Cors
from weather.http.deadline import Deadline
from weather.http.problems import Problem, unexpected_problem
from weather.telemetry.request_id import RequestId

ORIGIN = {"Origin": "https://example.org"}


async def late(_: Request) -> Response:
    await asyncio.sleep(600)
    return Response()


async def broken(_: Request) -> Response:
    raise RuntimeError


async def busy(_: Request) -> Response:
    return Problem(429).response()


@pytest.mark.parametrize(("endpoint", "status"), [(late, 504), (broken, 500), (busy, 429)])
def test_errors_have_the_headers(
    endpoint: Callable[[Request], Coroutine[Any, Any, Response]], status: int
) -> None:
    inside = Starlette(
        routes=[Route("/", endpoint)],
        middleware=[Middleware(RequestId), Middleware(Deadline, seconds=0.05)],
        exception_handlers={Exception: unexpected_problem},
    )
    transport = httpx.ASGITransport(Cors(inside, ["https://example.org"]), raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/", headers=ORIGIN)

    answer = asyncio.run(ask())
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    assert answer.headers["access-control-expose-headers"] == ", ".join(EXPOSED)
    assert answer.headers["x-request-id"]
    assert ("retry-after" in answer.headers) == (status == 429)
