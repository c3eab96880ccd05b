"""The direct way to the forecasts: from a request's bytes to the response's, without Starlette's."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from weather.http.problems import Problem
from weather.telemetry import model_version

log = logging.getLogger("bentoml.weather")

Answer = Callable[[bytes, str, Scope], Awaitable[tuple[bytes, bytes]]]
"""Takes the body of a request, its media type and its scope; returns the body of the response, which has that
type too, and the tag of the model that answered.
"""


class DirectEndpoints:
    """ASGI middleware, the innermost: POST requests of the paths in ``answers`` are answered here.

    ``BodyLimits`` has read the whole body and checked its media type, ``Admission`` has given the
    request its slot. BentoML's request context and Starlette's router, request, response and exception
    handling cost as much as everything of ours together, and these endpoints use nothing of them.
    """

    def __init__(self, app: ASGIApp, answers: Mapping[str, Answer]) -> None:
        self.app = app
        self.answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: Any = scope.get("path")
        if path not in self.answers or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        message = await receive()
        media_type = media_type_of(scope)
        try:
            content, model = await self.answers[path](message["body"], media_type.decode(), scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        except Exception:
            log.exception("The request failed")
            await Problem(500).response()(scope, receive, send)
            return
        if media_type.startswith(b"text/"):
            media_type += b"; charset=utf-8"
        headers = [
            (b"content-length", b"%d" % len(content)),
            (b"content-type", media_type),
            (model_version.HEADER, model),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def media_type_of(scope: Scope) -> bytes:
    """The Content-Type of a request without its parameters, in lower case."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media_type: bytes = value.partition(b";")[0].strip().lower()
            return media_type
    return b""
