"""``BodyLimits`` as plain ASGI: which bodies it rejects, and that their memory is released."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.waiting import PATIENCE
from weather.http import body_limits
from weather.http.body_limits import BodyLimits, check_headers
from weather.http.limits import ENDPOINTS, MAX_BUFFERED_BYTES
from weather.http.problems import Problem
from weather.telemetry.metrics import count_refusal

JSON = [(b"content-type", b"application/json")]
GONE: Message = {"type": "http.disconnect"}


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class App:
    """Keeps the bodies it receives and answers 204."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        assert not message.get("more_body", False)
        self.bodies.append(message.get("body", b""))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


class Client:
    """One request to a middleware; the test sends its messages one by one."""

    def __init__(
        self,
        app: BodyLimits,
        path: str = "/predict",
        method: str = "POST",
        headers: Iterable[tuple[bytes, bytes]] = JSON,
    ) -> None:
        self.scope: Scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []
        self.task = asyncio.create_task(app(self.scope, self.messages.get, self.keep))

    async def keep(self, message: Any) -> None:
        self.sent.append(message)

    async def sends(self, *messages: Message) -> None:
        """Send messages; the middleware has processed them on return."""
        for message in messages:
            await self.messages.put(message)
            for _ in range(5):
                await asyncio.sleep(0)

    async def status(self) -> int:
        """The status of the response; 0 if there is none."""
        await asyncio.wait_for(self.task, PATIENCE)
        return int(self.sent[0]["status"]) if self.sent else 0


def test_the_app_gets_the_body_as_one_message() -> None:
    async def ask() -> None:
        inside = App()
        client = Client(app := BodyLimits(inside))
        await client.sends(part(b"a"), part(b""), part(b"b"), part(b"c", more=False))
        assert await client.status() == 204
        assert inside.bodies == [b"abc"]
        assert app.buffered_bytes == 0

    asyncio.run(ask())


def test_after_the_body_the_app_receives_the_disconnect() -> None:
    async def ask() -> None:
        heard: list[str] = []

        async def inside(scope: Scope, receive: Receive, send: Send) -> None:
            heard.extend([(await receive())["type"], (await receive())["type"]])

        client = Client(BodyLimits(inside))
        await client.sends(part(b"{}", more=False), GONE)
        await client.status()
        assert heard == ["http.request", "http.disconnect"]

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/predict"), ("POST", "/"), ("POST", "/predict/"), ("PUT", "/predict_batch")]
)
def test_other_requests_are_passed_on_unchanged(method: str, path: str) -> None:
    async def ask() -> int:
        client = Client(BodyLimits(App()), path, method, headers=[])
        await client.sends(part(b"x" * 10**6, more=False))
        return await client.status()

    assert asyncio.run(ask()) == 204


def test_lifespan_events_are_passed_on() -> None:
    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    seen: list[str] = []
    asyncio.run(BodyLimits(inside)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_a_message_without_body_and_more_body_is_an_empty_body() -> None:
    """ASGI allows both keys to be missing."""

    async def ask() -> None:
        app = App()
        client = Client(BodyLimits(app))
        await client.sends({"type": "http.request"})
        assert await client.status() == 204
        assert app.bodies == [b""]

    asyncio.run(ask())


def test_the_app_gets_the_scope_and_one_complete_message() -> None:
    async def ask() -> None:
        seen: list[object] = []

        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            seen.extend((scope, await receive(), send))

        client = Client(BodyLimits(inner))
        await client.sends(part(b"a"), part(b"b", more=False))
        await client.status()
        assert seen == [client.scope, part(b"ab", more=False), client.keep]

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "headers", "body", "reason", "sentence"),
    [
        ("/predict", [], b"", "media_type", "the Content-Type must be application/json"),
        ("/predict_batch", [], b"", "media_type", "the Content-Type must be application/json or text/csv"),
        ("/predict", JSON, b"x" * 16_385, "too_large", "the body is larger than 16,384 bytes"),
        (
            "/predict",
            [*JSON, (b"content-length", b"16385")],
            b"",
            "too_large",
            "the body is larger than 16,384 bytes",
        ),
    ],
)
def test_rejections_have_a_sentence_and_are_counted_by_reason(
    path: str, headers: list[tuple[bytes, bytes]], body: bytes, reason: str, sentence: str
) -> None:
    async def ask() -> None:
        before = count_refusal.counts[reason]
        client = Client(BodyLimits(App()), path, headers=headers)
        await client.sends(part(body, more=False))
        await client.status()
        assert json.loads(client.sent[1]["body"])["error"] == sentence
        assert count_refusal.counts[reason] == before + 1

    asyncio.run(ask())


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_content_length_over_the_limit_is_a_413_before_the_body_is_read(path: str) -> None:
    async def ask(length: int) -> int:
        client = Client(BodyLimits(App()), path, headers=[*JSON, (b"content-length", b"%d" % length)])
        if length <= most:
            await client.sends(part(b"x", more=False))
        return await client.status()

    most = ENDPOINTS[path].max_bytes
    assert asyncio.run(ask(most)) == 204
    assert asyncio.run(ask(most + 1)) == 413


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_without_content_length_is_a_413_as_soon_as_it_exceeds_the_limit(path: str) -> None:
    async def ask() -> None:
        most = ENDPOINTS[path].max_bytes
        inside = App()
        app = BodyLimits(inside)
        fits = Client(app, path)
        await fits.sends(part(b"x" * (most - 1)), part(b"y", more=False))
        assert await fits.status() == 204
        large = Client(app, path)
        await large.sends(part(b"x" * most), part(b"y"))
        assert await large.status() == 413
        assert len(inside.bodies) == 1
        assert app.buffered_bytes == 0

    asyncio.run(ask())


def test_a_body_beyond_the_buffer_limit_is_a_429_until_memory_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_limits, "MAX_BUFFERED_BYTES", 10)

    async def ask() -> None:
        app = BodyLimits(App())
        first, second, third = Client(app), Client(app), Client(app)
        await first.sends(part(b"x" * 6))
        await second.sends(part(b"x" * 4))
        assert not second.sent, "the limit itself is within it"
        await second.sends(part(b"x"))
        assert await second.status() == 429
        assert json.loads(second.sent[1]["body"]).keys() == {"error", "detail"}
        assert (b"retry-after", b"1") in second.sent[0]["headers"]
        assert app.buffered_bytes == 6, "the bytes of the rejected body were released"
        await third.sends(part(b"x" * 1000, more=False))
        assert await third.status() == 204, "a body that arrives as one message is not buffered"
        await first.sends(part(b"x", more=False))
        assert await first.status() == 204
        assert app.buffered_bytes == 0

    asyncio.run(ask())


def test_a_client_that_disconnects_in_its_body_releases_its_bytes() -> None:
    async def ask() -> None:
        inside = App()
        app = BodyLimits(inside)
        client = Client(app)
        await client.sends(part(b"x" * 100))
        assert app.buffered_bytes == 100
        await client.sends(GONE)
        assert await client.status() == 0
        assert app.buffered_bytes == 0
        assert not inside.bodies

    asyncio.run(ask())


def test_a_request_cancelled_in_its_body_releases_its_bytes() -> None:
    """``Deadline`` cancels slow requests."""

    async def ask() -> None:
        app = BodyLimits(App())
        client = Client(app)
        await client.sends(part(b"x" * 100))
        client.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client.task
        assert app.buffered_bytes == 0

    asyncio.run(ask())


def test_the_buffer_holds_eight_of_the_largest_bodies() -> None:
    assert max(endpoint.max_bytes for endpoint in ENDPOINTS.values()) * 8 <= MAX_BUFFERED_BYTES


@pytest.mark.parametrize(
    ("media_type", "path", "accepted"),
    [
        (b"application/json", "/predict", True),
        (b"APPLICATION/JSON ; charset=utf-8", "/predict", True),
        (b"text/csv", "/predict", False),
        (b"text/csv;header=present", "/predict_batch", True),
        (b"application/jsonx", "/predict", False),
        (b"application/json, text/plain", "/predict", False),
        (b"\xff", "/predict", False),
        (b"", "/predict_batch", False),
    ],
)
def test_accepted_and_rejected_media_types(media_type: bytes, path: str, accepted: bool) -> None:
    headers = [(b"content-type", media_type)]
    if accepted:
        check_headers(headers, ENDPOINTS[path])
    else:
        with pytest.raises(Problem, match="the Content-Type must be application/json") as refused:
            check_headers(headers, ENDPOINTS[path])
        assert refused.value.status == 415
