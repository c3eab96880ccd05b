"""Waiting for states. No test waits for time to pass: how fast the machine is decides nothing."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import TypeVar

import httpx

PATIENCE = 120.0
"""Seconds until what must come is given up. It comes in a fraction of that, or never."""

# httpx gives up after 5 s where it is told nothing else.
for limit in ("connect", "read", "write", "pool"):
    setattr(inspect.signature(httpx.get).parameters["timeout"].default, limit, PATIENCE)

T = TypeVar("T")


def until(state: Callable[[], T | None]) -> T:
    """Ask for a state until it is true, and return it.

    Raises:
        AssertionError: it did not become true within PATIENCE.
    """
    end = time.monotonic() + PATIENCE
    while not (found := state()):
        assert time.monotonic() < end, f"after {PATIENCE:g} s still {found!r}"
        time.sleep(0.02)
    return found
