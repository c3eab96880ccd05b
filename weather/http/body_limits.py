"""Take a body in, or refuse it before the rest is read: wrong type (415), too large (413), or more
bodies arriving at once than there is memory for (429).
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.limits import ENDPOINTS, MAX_BUFFERED_BYTES, Endpoint
from weather.http.problems import Problem
from weather.telemetry.metrics import refused

REASONS = {413: "too_large", 415: "media_type", 429: "arriving"}


class BodyLimits:
    """ASGI middleware: what is inside gets whole bodies, of the type and size that ENDPOINTS allow.

    BentoML parses unknown content types as JSON and has no limit: a 100 MB body took a worker to
    534 MB. A body that gives no length is counted as it arrives. Slow senders wait here, where they
    take no place from others: ``Admission`` counts what is ready to be computed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = None
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = ENDPOINTS.get(scope["path"])
        if endpoint is None:
            await self.app(scope, receive, send)
            return
        try:
            check(scope["headers"], endpoint)
            first = await receive()
            body = await self.rest(first, receive, endpoint)
        except Problem as problem:
            refused(REASONS[problem.status])
            await problem.response()(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, replay(body, receive), send)

    async def rest(self, first: Message, receive: Receive, endpoint: Endpoint) -> Message | None:
        """The whole body as one message; None if the client left."""
        parts: list[bytes] = []
        size, message = 0, first
        try:
            while message["type"] == "http.request":
                part = message.get("body", b"")
                size += len(part)
                if size > endpoint.max_bytes:
                    raise too_large(endpoint)
                if not message.get("more_body", False):
                    return {"type": "http.request", "body": b"".join([*parts, part]), "more_body": False}
                parts.append(part)
                self.arriving += len(part)
                if self.arriving > MAX_BUFFERED_BYTES:
                    raise Problem(429)
                message = await receive()
        finally:
            self.arriving -= sum(map(len, parts))
        return None


def check(headers: Iterable[tuple[bytes, bytes]], endpoint: Endpoint) -> None:
    """Refuse by the headers alone.

    Raises:
        Problem: 415 or 413.
    """
    media_type = length = b""
    for name, value in headers:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length":
            length = value
    if media_type.partition(b";")[0].strip().lower().decode("latin-1") not in endpoint.media_types:
        raise Problem(415, f"the Content-Type must be {' or '.join(endpoint.media_types)}")
    if length and int(length) > endpoint.max_bytes:
        raise too_large(endpoint)


def too_large(endpoint: Endpoint) -> Problem:
    """413."""
    return Problem(413, f"the body is larger than {endpoint.max_bytes:,} bytes")


def replay(body: Message, receive: Receive) -> Receive:
    """``receive`` that gives the body first."""
    waiting = [body]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
