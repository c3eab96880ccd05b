"""Ten equal steps up: where the latency bends upwards is the knee."""

from __future__ import annotations

from loadtest.shapes import Shape


class Steps(Shape):
    """A tenth of the users more in each tenth of the time."""

    def share(self, passed: float) -> float:
        return (int(passed * 10) + 1) / 10
