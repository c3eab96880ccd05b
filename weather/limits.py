"""Refuse a body before it is read: wrong type (415) or too large (413)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.problems import Problem
from weather.settings import BODIES


class BodyLimits:
    """ASGI middleware: the bodies of the POST paths in BODIES have their type and their size.

    BentoML parses unknown content types as JSON and has no limit: a 100 MB body took a worker to
    534 MB. A body that gives no length is counted as it arrives.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in BODIES:
            await self.app(scope, receive, send)
            return
        largest, media_types = BODIES[scope["path"]]
        media_type, length = b"", b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                media_type = value
            elif name == b"content-length":
                length = value
        if media_type.partition(b";")[0].strip().lower().decode("latin-1") not in media_types:
            refused = Problem(415, f"the Content-Type must be {' or '.join(media_types)}")
            await refused.response()(scope, receive, send)
        elif length and (not length.isdigit() or int(length) > largest):
            await too_large(largest).response()(scope, receive, send)
        else:
            await self.app(scope, receive if length else counted(receive, largest), send)


def counted(receive: Receive, largest: int) -> Receive:
    """``receive``, but it raises a 413 once more than ``largest`` bytes have come."""
    total = 0

    async def limited() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > largest:
            raise too_large(largest)
        return message

    return limited


def too_large(largest: int) -> Problem:
    """413."""
    return Problem(413, f"the body is larger than {largest:,} bytes")
