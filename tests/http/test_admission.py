"""``Admission`` as plain ASGI: places are taken, refused, and always given back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from weather.http.admission import Admission


class Inside:
    """The app: each request waits until it is let go, or fails."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.busy = 0
        self.error: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.busy += 1
        try:
            await self.go.wait()
            if self.error:
                raise self.error
            await send({"type": "http.response.start", "status": 204, "headers": []})
        finally:
            self.busy -= 1


def ask(app: Admission, path: str = "/predict") -> tuple[asyncio.Task[None], list[Message]]:
    """A request's task and, in the end, the answer."""
    sent: list[Message] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def go() -> None:
        await app({"type": "http", "path": path}, None, send)  # type: ignore[arg-type]

    return asyncio.create_task(go()), sent


async def turns() -> None:
    """Whatever can be done has been done."""
    for _ in range(5):
        await asyncio.sleep(0)


def door_only(path: str) -> None:
    raise AssertionError("that is for what is refused at the door")


def test_as_many_as_there_are_places_go_in_at_once_and_the_next_is_a_429() -> None:
    async def go() -> None:
        inside = Inside()
        app = Admission(inside, {"/predict": 2}, door_only)
        waiting = [ask(app) for _ in range(2)]
        await turns()
        assert inside.busy == 2
        assert app.free == {"/predict": 0}
        task, answer = ask(app)
        await task
        assert answer[0]["status"] == 429
        assert (b"retry-after", b"1") in answer[0]["headers"]
        assert json.loads(answer[1]["body"]).keys() == {"error", "detail"}
        inside.go.set()
        await asyncio.gather(*(task for task, _ in waiting))
        assert [sent[0]["status"] for _, sent in waiting] == [204, 204]
        assert app.free == {"/predict": 2}
        task, answer = ask(app)
        await task
        assert answer[0]["status"] == 204

    asyncio.run(go())


def test_each_path_has_its_own_places_and_other_paths_need_none() -> None:
    async def go() -> None:
        inside = Inside()
        app = Admission(inside, {"/predict": 1, "/predict_batch": 1}, door_only)
        tasks = [ask(app, path)[0] for path in ("/predict", "/predict_batch", "/livez", "/livez")]
        await turns()
        assert inside.busy == 4
        inside.go.set()
        await asyncio.gather(*tasks)
        assert app.free == {"/predict": 1, "/predict_batch": 1}

    asyncio.run(go())


def test_a_request_that_fails_gives_its_place_back() -> None:
    async def go() -> None:
        inside = Inside()
        inside.error = RuntimeError("inside")
        inside.go.set()
        app = Admission(inside, {"/predict": 1}, door_only)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="inside"):
                await ask(app)[0]
        assert app.free == {"/predict": 1}

    asyncio.run(go())


def test_a_request_that_is_cancelled_gives_its_place_back() -> None:
    async def go() -> None:
        inside = Inside()
        app = Admission(inside, {"/predict": 1}, door_only)
        task, _ = ask(app)
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert app.free == {"/predict": 1}
        assert inside.busy == 0

    asyncio.run(go())


def test_each_app_counts_for_itself() -> None:
    limits = {"/predict": 1}

    async def go() -> None:
        inside = Inside()
        one, other = Admission(inside, limits, door_only), Admission(inside, limits, door_only)
        tasks = [ask(one)[0], ask(other)[0]]
        await turns()
        assert inside.busy == 2
        inside.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(go())
    assert limits == {"/predict": 1}


def test_a_lifespan_passes() -> None:
    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    seen: list[str] = []
    app = Admission(inside, {"/predict": 1}, door_only)
    asyncio.run(app({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
