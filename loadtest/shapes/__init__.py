"""Load shapes, one per file: Locust uses the first that it finds in ``-f locustfile.py,shapes/X.py``.

``--users`` is the peak, ``--run-time`` the duration.
"""

from __future__ import annotations

from locust import LoadTestShape


class Shape(LoadTestShape):
    """The number of users as a function of the elapsed share of the run time."""

    abstract = True
    use_common_options = True

    def share(self, elapsed: float) -> float:
        """The share of the peak's users, 0 to 1, at ``elapsed`` (0 to 1) of the run time."""
        raise NotImplementedError

    def tick(self) -> tuple[int, float] | None:
        """The number of users, and how many may start per second; None ends the run."""
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        assert options is not None
        peak, seconds = options.num_users or 50, options.run_time or 60
        elapsed = self.get_run_time() / seconds  # type: ignore[no-untyped-call]
        return None if elapsed >= 1 else (max(1, round(peak * self.share(elapsed))), float(peak))
