"""Clients that send invalid bodies or broken HTTP, send slowly, or leave early."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

from weather.contract.variables import EXAMPLE

RESPONSE_SECONDS = 10


async def bad_request(address: tuple[str, int], rng: random.Random) -> int:
    """Send one bad request; the status of the response, or 0 if either side closed without one."""
    data, leaves = random_bad_request(rng)
    reader, writer = await asyncio.open_connection(*address)
    status = 0
    with suppress(OSError, asyncio.TimeoutError):
        writer.write(data[:50])
        await asyncio.sleep(rng.random() / 10)
        writer.write(data[50:])
        if not leaves:
            line = await asyncio.wait_for(reader.readline(), RESPONSE_SECONDS)
            status = int(line.split()[1]) if line.startswith(b"HTTP/1.1 ") else 0
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return status


def random_bad_request(rng: random.Random) -> tuple[bytes, bool]:
    """The bytes of one of six kinds of bad request, and whether its client leaves without waiting."""
    kind = rng.choice(["corrupt", "invalid", "media type", "length", "leaves", "not HTTP"])
    if kind == "not HTTP":
        return rng.randbytes(100) + b"\r\n\r\n", False
    body = json.dumps(EXAMPLE).encode()
    if kind == "corrupt":  # one byte changed to one that no JSON number or field name contains
        at = rng.randrange(len(body))
        body = body[:at] + bytes([rng.choice(b"\x00\xff@~`")]) + body[at + 1 :]
    elif kind == "invalid":
        field = rng.choice(sorted(EXAMPLE))
        body = json.dumps({**EXAMPLE, field: rng.choice([1e6, -1e6, "", "1", True, [1]])}).encode()
    media_type = b"application/x-pickle" if kind == "media type" else b"application/json"
    length = 10**9 if kind == "length" else len(body)
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
        media_type,
        length,
    )
    request += body
    if kind == "leaves":
        return request[: rng.randrange(len(request))], True
    return request, False
