"""Request bodies: of the media type, size and duration that the settings allow."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from stations.http.problems import Problem

MAX_FORM_FIELDS = 200

MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""Of bodies that have begun to arrive, together; a slow sender's waits in memory."""

buffered = 0


async def body(request: Request, media_types: tuple[str, ...], max_bytes: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        Problem: 415, 413, 408, or 429.
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
    """Count bytes that are held; False if there is no room for them."""
    global buffered
    if size > 0 and buffered + size > MAX_BUFFERED_BYTES:
        return False
    buffered += size
    return True


def form(data: bytes) -> dict[str, str]:
    """The fields of a URL-encoded form; of a repeated one the last.

    Raises:
        Problem: 400.
    """
    try:
        return dict(parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
    except ValueError:
        raise Problem(400, f"the body is no URL-encoded form of up to {MAX_FORM_FIELDS} fields") from None
