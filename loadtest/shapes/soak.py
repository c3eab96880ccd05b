"""Up slowly and stay: for hours, to see what grows."""

from __future__ import annotations

from loadtest.shapes import Shape


class Soak(Shape):
    """Up over the first tenth of the time, then level."""

    def share(self, passed: float) -> float:
        return min(1.0, passed * 10)
