"""Calm, all at once, calm again: whether the service comes back."""

from __future__ import annotations

from loadtest.shapes import Shape


class Spike(Shape):
    """All users in the middle fifth, before and after it a tenth of them."""

    def share(self, passed: float) -> float:
        return 1.0 if 0.4 <= passed < 0.6 else 0.1
