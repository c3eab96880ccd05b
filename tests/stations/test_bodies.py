from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from stations.http import bodies
from stations.http.problems import Problem


def request(*parts: bytes, media_type: str = "text/plain") -> Request:
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", media_type.encode())]}
    return Request(scope, receive)


def read(*parts: bytes, **more: Any) -> bytes:
    return asyncio.run(bodies.body(request(*parts, **more), ("text/plain",), 100, 60))


def test_a_body_in_parts() -> None:
    assert read(b"ab", b"cd") == b"abcd"
    assert read(b"ab", media_type="Text/Plain; charset=utf-8") == b"ab"
    assert bodies.buffered == 0


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda: read(b"a", media_type="application/json"), 415),
        (lambda: read(b"a" * 60, b"a" * 60), 413),
    ],
)
def test_what_is_not_taken(ask: Callable[[], bytes], status: int) -> None:
    with pytest.raises(Problem) as problem:
        ask()
    assert problem.value.status == status
    assert bodies.buffered == 0


def test_bodies_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BUFFERED_BYTES", 50)

    async def two() -> list[Any]:
        asked = [bodies.body(request(b"a" * 30, b"b" * 10), ("text/plain",), 100, 60) for _ in range(2)]
        return await asyncio.gather(*asked, return_exceptions=True)

    results = asyncio.run(two())
    assert [getattr(result, "status", 200) for result in results].count(429) <= 1
    assert bodies.buffered == 0
    monkeypatch.setattr(bodies, "MAX_BUFFERED_BYTES", 20)
    with pytest.raises(Problem) as problem:
        read(b"a" * 30)
    assert problem.value.status == 429
    assert bodies.buffered == 0


def test_a_form() -> None:
    assert bodies.form(b"a=1&b=&a=2") == {"a": "2", "b": ""}
    with pytest.raises(Problem):
        bodies.form(b"&".join(b"a=1" for _ in range(201)))
    with pytest.raises(Problem):
        bodies.form(b"\xff")
