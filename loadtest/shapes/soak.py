"""A slow ramp, then constant load for hours, to find leaks."""

from __future__ import annotations

from loadtest.shapes import Shape


class Soak(Shape):
    """A ramp over the first tenth of the time, then the peak."""

    def share(self, elapsed: float) -> float:
        return min(1.0, elapsed * 10)
