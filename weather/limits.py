"""Refuse a body before it is read: wrong type (415) or too large (413)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.problems import Problem
from weather.settings import LARGEST_BODY

TOO_LARGE = Problem(413, f"the body is larger than {LARGEST_BODY:,} bytes")
NOT_JSON = Problem(415, "the body must be JSON: send Content-Type: application/json")


class BodyLimits:
    """ASGI middleware: POST bodies must be ``application/json`` and at most LARGEST_BODY bytes.

    BentoML parses unknown content types as JSON and has no limit: a 100 MB body took a worker to
    534 MB. A body that gives no length is counted as it arrives.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        media_type, length = b"", b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                media_type = value
            elif name == b"content-length":
                length = value
        if media_type.partition(b";")[0].strip().lower() != b"application/json":
            await NOT_JSON.response()(scope, receive, send)
        elif length and (not length.isdigit() or int(length) > LARGEST_BODY):
            await TOO_LARGE.response()(scope, receive, send)
        else:
            await self.app(scope, receive if length else counted(receive), send)


def counted(receive: Receive) -> Receive:
    """``receive``, but it raises TOO_LARGE once more than LARGEST_BODY bytes have come."""
    total = 0

    async def limited() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > LARGEST_BODY:
            raise TOO_LARGE
        return message

    return limited
