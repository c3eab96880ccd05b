"""Low load, a spike, low load: whether the service recovers."""

from __future__ import annotations

from loadtest.shapes import Shape


class Spike(Shape):
    """All users in the middle fifth of the time, a tenth of them before and after."""

    def share(self, elapsed: float) -> float:
        return 1.0 if 0.4 <= elapsed < 0.6 else 0.1
