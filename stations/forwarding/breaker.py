"""Decides when to ask the forecast service again after a failure."""

from __future__ import annotations

import random


class Breaker:
    """A circuit breaker: open after ``limit`` failures in a row, closed again by one success.

    While it is open, nobody waits for a forecast, and one request at a time probes the service. The pause
    before each probe doubles with each failure, up to ``longest`` seconds. It is drawn at random from its
    upper half, so that several services do not probe at the same time ("Exponential Backoff And Jitter",
    AWS Architecture Blog).
    """

    def __init__(self, limit: int, first: float, longest: float) -> None:
        self.limit = limit
        self.first = first
        self.longest = longest
        self.failures = 0
        self.reason = ""

    @property
    def open(self) -> bool:
        """Whether the forecast service counts as down."""
        return self.failures >= self.limit

    def succeeded(self) -> None:
        """Record that the forecast service answered."""
        self.failures = 0
        self.reason = ""

    def failed(self, reason: str, retry_after: float = 0) -> float:
        """Record a failure; returns the seconds to pause, at least ``retry_after``."""
        self.failures += 1
        self.reason = reason
        pause = min(self.longest, self.first * 2.0 ** min(self.failures - 1, 30))
        return max(retry_after, pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
