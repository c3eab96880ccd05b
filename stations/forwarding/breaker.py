"""When to ask the forecast service again after it failed."""

from __future__ import annotations

import random


class Breaker:
    """Counts failures in a row; open from ``limit`` on, closed again by one success.

    While it is open nobody waits for a forecast, and one request at a time probes. The pause before
    it doubles with each failure, up to ``longest`` seconds, and is drawn from its upper half, so that
    several services do not ask in step ("Exponential Backoff And Jitter", AWS Architecture Blog).
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
        """It answered."""
        self.failures = 0
        self.reason = ""

    def failed(self, reason: str, retry_after: float = 0) -> float:
        """It did not answer; seconds to pause, not less than it asked for."""
        self.failures += 1
        self.reason = reason
        pause = min(self.longest, self.first * 2.0 ** min(self.failures - 1, 30))
        return max(retry_after, pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
