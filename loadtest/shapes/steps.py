"""Ten equal steps; the knee is where latency starts to rise steeply."""

from __future__ import annotations

from loadtest.shapes import Shape


class Steps(Shape):
    """One more tenth of the users in each tenth of the time."""

    def share(self, elapsed: float) -> float:
        return (int(elapsed * 10) + 1) / 10
