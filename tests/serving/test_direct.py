"""The direct way to the forecasts, as an ASGI middleware of its own."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from weather.http.problems import Problem
from weather.serving.direct import DirectEndpoints, media_type_of


class Recorder:
    """The endpoints ``/echo``, ``/refuse`` and ``/break`` in front of an app that records its requests."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, str]] = []
        self.answered: list[tuple[bytes, str]] = []
        answers = {"/echo": self.echo, "/refuse": self.refuse, "/break": self.fail}
        self.endpoints = DirectEndpoints(self.app, answers)

    async def app(self, scope: Scope, _: Receive, __: Send) -> None:
        self.passed.append((scope["type"], scope.get("path", "")))

    async def echo(self, body: bytes, media_type: str, _: Scope) -> tuple[bytes, bytes]:
        self.answered.append((body, media_type))
        return body, b"a-model:1"

    async def refuse(self, _: bytes, __: str, ___: Scope) -> tuple[bytes, bytes]:
        raise Problem(503, "busy")

    async def fail(self, _: bytes, __: str, ___: Scope) -> tuple[bytes, bytes]:
        raise RuntimeError("a secret of the implementation")

    def request(
        self, path: str, method: str = "POST", media_type: str | None = "application/json"
    ) -> list[Message]:
        """The messages that are sent in answer to a request with the body ``{}``."""
        headers = [(b"accept", b"*/*")]
        if media_type is not None:
            headers.append((b"content-type", media_type.encode()))
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope: dict[str, Any] = {"type": "http", "path": path, "method": method, "headers": headers}
        asyncio.run(self.endpoints(scope, receive, send))
        return sent


def headers_of(message: Message) -> dict[bytes, bytes]:
    return dict(message["headers"])


def test_a_post_request_is_answered_with_two_messages() -> None:
    recorder = Recorder()
    start, body = recorder.request("/echo")
    assert start["status"] == 200
    assert headers_of(start) == {
        b"content-length": b"2",
        b"content-type": b"application/json",
        b"x-model-version": b"a-model:1",
    }
    assert body == {"type": "http.response.body", "body": b"{}"}
    assert recorder.answered == [(b"{}", "application/json")]
    assert recorder.passed == []


@pytest.mark.parametrize(
    ("path", "method"),
    [("/echo", "GET"), ("/echo", "HEAD"), ("/echo", "OPTIONS"), ("/echo/", "POST"), ("/other", "POST")],
)
def test_other_paths_and_methods_pass_through(path: str, method: str) -> None:
    recorder = Recorder()
    assert recorder.request(path, method) == []
    assert recorder.passed == [("http", path)]
    assert recorder.answered == []


def test_the_lifespan_passes_through() -> None:
    recorder = Recorder()

    async def nothing(*_: object) -> Any:
        raise AssertionError("neither receives nor sends")

    asyncio.run(recorder.endpoints({"type": "lifespan"}, nothing, nothing))
    assert recorder.passed == [("lifespan", "")]


def test_a_problem_is_the_response() -> None:
    start, body = Recorder().request("/refuse")
    assert start["status"] == 503
    assert headers_of(start)[b"retry-after"] == b"1"
    assert body["body"] == Problem(503, "busy").response().body


def test_an_unexpected_exception_is_a_500_and_only_the_log_has_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="bentoml.weather"):
        start, body = Recorder().request("/break")
    assert start["status"] == 500
    assert b"secret" not in body["body"]
    assert body["body"] == Problem(500).response().body
    assert "a secret of the implementation" in caplog.text


@pytest.mark.parametrize(
    ("sent", "parsed", "answered"),
    [
        ("text/csv", "text/csv", b"text/csv; charset=utf-8"),
        ("Text/CSV ; charset=UTF-8", "text/csv", b"text/csv; charset=utf-8"),
        ("application/json;charset=utf-8", "application/json", b"application/json"),
    ],
)
def test_the_response_has_the_media_type_of_the_request(sent: str, parsed: str, answered: bytes) -> None:
    recorder = Recorder()
    start, _ = recorder.request("/echo", media_type=sent)
    assert recorder.answered == [(b"{}", parsed)]
    assert headers_of(start)[b"content-type"] == answered


def test_without_a_content_type_there_is_no_media_type() -> None:
    assert media_type_of({"headers": [(b"accept", b"*/*")]}) == b""
