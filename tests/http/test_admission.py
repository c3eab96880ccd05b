"""``Admission`` as plain ASGI: slots are taken, refused, and always released."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from weather.http.admission import Admission, InFlight


class App:
    """Holds each request until ``go`` is set, then answers or fails."""

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
    """A request's task, and the list that gets its response."""
    sent: list[Message] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def go() -> None:
        await app({"type": "http", "path": path}, None, send)  # type: ignore[arg-type]

    return asyncio.create_task(go()), sent


async def settle() -> None:
    """Let the other tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def not_called(path: str) -> None:
    raise AssertionError("only LimitedHttpProtocol calls this")


def test_a_request_beyond_the_limit_gets_a_429() -> None:
    async def go() -> None:
        inside = App()
        app = Admission(inside, InFlight({"/predict": 2}), not_called)
        waiting = [ask(app) for _ in range(2)]
        await settle()
        assert inside.busy == 2
        assert app.in_flight.free == {"/predict": 0}
        task, answer = ask(app)
        await task
        assert answer[0]["status"] == 429
        assert (b"retry-after", b"1") in answer[0]["headers"]
        assert json.loads(answer[1]["body"]).keys() == {"error", "detail"}
        inside.go.set()
        await asyncio.gather(*(task for task, _ in waiting))
        assert [sent[0]["status"] for _, sent in waiting] == [204, 204]
        assert app.in_flight.free == {"/predict": 2}
        task, answer = ask(app)
        await task
        assert answer[0]["status"] == 204

    asyncio.run(go())


def test_each_path_has_its_own_limit_and_other_paths_have_none() -> None:
    async def go() -> None:
        inside = App()
        app = Admission(inside, InFlight({"/predict": 1, "/predict_batch": 1}), not_called)
        tasks = [ask(app, path)[0] for path in ("/predict", "/predict_batch", "/livez", "/livez")]
        await settle()
        assert inside.busy == 4
        inside.go.set()
        await asyncio.gather(*tasks)
        assert app.in_flight.free == {"/predict": 1, "/predict_batch": 1}

    asyncio.run(go())


def test_a_failing_request_releases_its_slot() -> None:
    async def go() -> None:
        inside = App()
        inside.error = RuntimeError("inside")
        inside.go.set()
        app = Admission(inside, InFlight({"/predict": 1}), not_called)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="inside"):
                await ask(app)[0]
        assert app.in_flight.free == {"/predict": 1}

    asyncio.run(go())


def test_a_cancelled_request_releases_its_slot() -> None:
    async def go() -> None:
        inside = App()
        app = Admission(inside, InFlight({"/predict": 1}), not_called)
        task, _ = ask(app)
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert app.in_flight.free == {"/predict": 1}
        assert inside.busy == 0

    asyncio.run(go())


def test_each_app_has_its_own_slots() -> None:
    limits = {"/predict": 1}

    async def go() -> None:
        inside = App()
        one, other = (Admission(inside, InFlight(limits), not_called) for _ in range(2))
        tasks = [ask(one)[0], ask(other)[0]]
        await settle()
        assert inside.busy == 2
        inside.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(go())
    assert limits == {"/predict": 1}


def test_lifespan_events_are_passed_on() -> None:
    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    seen: list[str] = []
    app = Admission(inside, InFlight({"/predict": 1}), not_called)
    asyncio.run(app({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
