"""What the two formats of bulk requests share: limits, and parts small enough to serve others in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import AnyStr

from weather.contract.faults import Fault
from weather.contract.variables import MAX_ROWS
from weather.http.problems import Problem

CHUNK = 64
"""Rows processed one by one before other requests get their turn, about half a millisecond."""

PIECE_LENGTH = 32 * 1024
"""Text parsed at once before other requests get their turn, about a quarter of a millisecond."""

TURNS = 4
"""Iterations of the event loop that a single request takes from the arrival of its body to its answer."""


async def serve_others() -> None:
    """Let other requests go on.

    After one iteration only, a single request would wait for TURNS chunks instead of one.
    """
    for _ in range(TURNS):
        await asyncio.sleep(0)


def check_count(rows: int) -> None:
    """Reject a request without rows or with too many.

    Raises:
        Problem: 400.
    """
    if not 1 <= rows <= MAX_ROWS:
        message = f"the request has {rows:,} observations: give 1 to {MAX_ROWS:,}"
        raise Problem(400, message, [Fault(["observations"], message, "list_length")])


def chunks(rows: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices of ``size`` rows."""
    return (slice(first, first + size) for first in range(0, rows, size))


def pieces(text: AnyStr, mark: AnyStr) -> Iterator[AnyStr]:
    """Parts of about PIECE_LENGTH; all but the last end with ``mark``, of length one."""
    start = 0
    while start < len(text):
        end = text.find(mark, start + PIECE_LENGTH) + 1 or len(text)
        yield text[start:end]
        start = end
