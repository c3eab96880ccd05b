"""Compressed request bodies."""

from __future__ import annotations

import gzip
import io
import zlib

from weather.http.problems import Problem

ENCODINGS = ("gzip", "deflate")
"""The accepted values of Content-Encoding, besides none and ``identity``."""


def check_encoding(value: bytes) -> str:
    """The Content-Encoding of a request; empty for none.

    Raises:
        Problem: 415.
    """
    encoding = value.strip().lower().decode("latin-1").removeprefix("x-")
    if encoding in ("", "identity"):
        return ""
    if encoding not in ENCODINGS:
        # Only what a name can be is repeated.
        name = encoding[:32] if encoding.isascii() and encoding.replace("-", "").isalnum() else "that one"
        raise Problem(415, f"the Content-Encoding must be {' or '.join(ENCODINGS)}, not {name}")
    return encoding


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body itself. Of one with more than ``max_bytes`` only the first ``max_bytes + 1`` are made.

    Raises:
        Problem: 400, if the body is damaged or truncated.
    """
    try:
        return gunzip(body, max_bytes) if encoding == "gzip" else inflate(body, max_bytes)
    except (OSError, EOFError, zlib.error):
        raise Problem(400, f"the body is not valid {encoding}") from None


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """Decompress gzip, also in several members."""
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        return file.read(max_bytes + 1)


def inflate(body: bytes, max_bytes: int) -> bytes:
    """Decompress what HTTP calls deflate: zlib's format; some clients send the bare stream."""
    zlib_header = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    stream = zlib.decompressobj(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
    content = stream.decompress(body, max_bytes + 1)
    if len(content) <= max_bytes and (not stream.eof or stream.unused_data):
        raise EOFError
    return content
