"""``Admission`` as plain ASGI: slots are taken, refused, and always released."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from weather.http.admission import Admission, InFlight
from weather.http.protocol import LimitedHttpProtocol
from weather.telemetry.metrics import count_refusal


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


def test_scope_receive_and_send_are_passed_on() -> None:
    async def inner(*arguments: object) -> None:
        seen.append(arguments)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Any) -> None:
        raise AssertionError

    seen: list[tuple[object, ...]] = []
    app = Admission(inner, InFlight({"/predict": 1}), not_called)
    scopes: list[Scope] = [
        {"type": "lifespan"},
        {"type": "http", "path": "/livez"},
        {"type": "http", "path": "/predict"},
    ]
    for scope in scopes:
        asyncio.run(app(scope, receive, send))
    assert seen == [(scope, receive, send) for scope in scopes]


def test_a_lifespan_installs_the_protocol_with_the_free_slots() -> None:
    async def inner(*_: object) -> None:
        return

    config = Config(lambda: None, http="httptools", log_config=None)
    config.load()
    app = Admission(inner, InFlight({"/predict": 1}), not_called)
    receive: Any = LifespanOn(config).receive
    asyncio.run(app({"type": "http", "path": "/livez"}, receive, None))  # type: ignore[arg-type]
    assert config.http_protocol_class is HttpToolsProtocol
    asyncio.run(app({"type": "lifespan"}, receive, None))  # type: ignore[arg-type]
    installed: Any = config.http_protocol_class
    assert installed.func is LimitedHttpProtocol
    slots, on_refusal = installed.args
    assert slots.free is app.in_flight.free
    assert on_refusal is not_called


def test_refusals_are_counted_as_busy() -> None:
    async def run() -> None:
        before = count_refusal.counts["busy"]
        task, response = ask(Admission(App(), InFlight({"/predict": 0}), not_called))
        await task
        assert response[0]["status"] == 429
        assert count_refusal.counts["busy"] == before + 1

    asyncio.run(run())
