"""Refuse a body before it is read: wrong type (415) or too large (413)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.problems import Problem
from weather.settings import LARGEST_BODY


class BodyLimits:
    """ASGI middleware: POST bodies must be ``application/json`` and at most LARGEST_BODY bytes.

    BentoML parses unknown content types as JSON and has no limit: a 100 MB body took a worker to
    534 MB (DESIGN, measured). A body that gives no length is counted as it arrives.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise Problem(415, "the body must be JSON: send Content-Type: application/json")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            raise too_large()
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST_BODY:
                raise too_large()
            return message

        await self.app(scope, counted if "content-length" not in headers else receive, send)


def too_large() -> Problem:
    """413: the body is longer than any record can be."""
    return Problem(413, f"the body is larger than {LARGEST_BODY:,} bytes")
