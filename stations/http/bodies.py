"""Reads request bodies, with limits on media type, size and duration."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from stations.http.problems import Problem

MAX_FORM_FIELDS = 200

MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""Limit for all incomplete bodies together, which are held in memory until they have arrived."""

buffered = 0


async def body(request: Request, media_types: tuple[str, ...], max_bytes: int, seconds: float) -> bytes:
    """The complete body.

    Raises:
        Problem: 415 (media type), 413 (too large), 408 (too slow), 429 (too many bytes buffered), or 400
            (the client disconnected).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types:
        raise Problem(415, f"the Content-Type must be {' or '.join(media_types)}")
    length = request.headers.get("content-length", "0")
    too_large = Problem(413, f"the body is larger than {max_bytes:,} bytes")
    if length.isdigit() and int(length) > max_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > max_bytes:
                    raise too_large
                if not _buffer(len(part)):
                    raise Problem(429)
                parts.append(part)
    except TimeoutError:
        raise Problem(408) from None
    except ClientDisconnect:
        raise Problem(400, "the client left before its body was complete") from None
    finally:
        _buffer(-sum(map(len, parts)))
    return b"".join(parts)


def _buffer(size: int) -> bool:
    """Add to the number of buffered bytes; False if the limit would be exceeded."""
    global buffered
    if size > 0 and buffered + size > MAX_BUFFERED_BYTES:
        return False
    buffered += size
    return True


def form(data: bytes) -> dict[str, str]:
    """The fields of a URL-encoded form; the last value of a repeated field.

    Raises:
        Problem: 400, the body is not a form or has too many fields.
    """
    try:
        return dict(parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
    except ValueError:
        raise Problem(400, f"the body is no URL-encoded form of up to {MAX_FORM_FIELDS} fields") from None
