"""Rejects a request body of the wrong media type (415), over the size limit (413), or when too many
bytes are already buffered (429), before reading the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.compression import ENCODINGS, check_encoding, decompress
from weather.http.limits import MAX_BUFFERED_BYTES, Endpoint, endpoint_of
from weather.http.problems import Problem
from weather.telemetry.metrics import count_refusal

REASONS = {413: "too_large", 415: "media_type", 429: "arriving"}
"""The ``reason`` label of ``rain_forecast_refusals_total`` for each status."""


class BodyLimits:
    """ASGI middleware: passes on requests with their whole body, of a type and size in ``ENDPOINTS``.

    BentoML parses unknown content types as JSON and has no size limit: a 100 MB body took a worker to
    534 MB. A body without Content-Length is counted as it arrives, a compressed one is decompressed and
    counted again. Slow senders wait here, without a slot of ``Admission``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.buffered_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = None
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = endpoint_of(scope["path"])
        if endpoint is None:
            await self.app(scope, receive, send)
            return
        try:
            encoding = check_headers(scope["headers"], endpoint)
            body = await self.read(receive, endpoint)
            if encoding and body is not None:
                scope, body = decompressed(scope, body, encoding, endpoint)
        except Problem as problem:
            if problem.status in REASONS:
                count_refusal(REASONS[problem.status])
            accepted = {"Accept-Encoding": ", ".join(ENCODINGS)} if problem.status == 415 else None
            await problem.response(accepted)(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, replay(body, receive), send)

    async def read(self, receive: Receive, endpoint: Endpoint) -> Message | None:
        """The whole body as one message; None if the client disconnected.

        Raises:
            Problem: 413 or 429.
        """
        parts: list[bytes] = []
        size = 0
        message = await receive()
        try:
            while message["type"] == "http.request":
                part = message.get("body", b"")
                size += len(part)
                if size > endpoint.max_bytes:
                    raise too_large(endpoint)
                if not message.get("more_body", False):
                    return {"type": "http.request", "body": b"".join([*parts, part]), "more_body": False}
                parts.append(part)
                self.buffered_bytes += len(part)
                if self.buffered_bytes > MAX_BUFFERED_BYTES:
                    raise Problem(429)
                message = await receive()
        finally:
            self.buffered_bytes -= sum(map(len, parts))
        return None


def check_headers(headers: Iterable[tuple[bytes, bytes]], endpoint: Endpoint) -> str:
    """Reject a request by its headers alone, or return its Content-Encoding, empty for none.

    Raises:
        Problem: 415 or 413.
    """
    media_type = length = encoding = b""
    for name, value in headers:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length":
            length = value
        elif name == b"content-encoding":
            encoding += b"," + value if encoding else value
    if media_type.partition(b";")[0].strip().lower().decode("latin-1") not in endpoint.media_types:
        raise Problem(415, f"the Content-Type must be {' or '.join(filter(None, endpoint.media_types))}")
    if length and int(length) > endpoint.max_bytes:
        raise too_large(endpoint)
    return check_encoding(encoding) if encoding else ""


def decompressed(scope: Scope, body: Message, encoding: str, endpoint: Endpoint) -> tuple[Scope, Message]:
    """The request as if it had been sent without compression.

    Raises:
        Problem: 413 or 400.
    """
    content = decompress(body["body"], encoding, endpoint.max_bytes)
    if len(content) > endpoint.max_bytes:
        raise too_large(endpoint)
    headers = [h for h in scope["headers"] if h[0] not in (b"content-encoding", b"content-length")]
    headers.append((b"content-length", b"%d" % len(content)))
    return {**scope, "headers": headers}, {**body, "body": content}


def too_large(endpoint: Endpoint) -> Problem:
    """413."""
    return Problem(413, f"the body is larger than {endpoint.max_bytes:,} bytes")


def replay(body: Message, receive: Receive) -> Receive:
    """``receive`` that returns the body first."""
    pending = [body]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
