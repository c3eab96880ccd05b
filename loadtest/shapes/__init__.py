"""Load shapes, one a file, because Locust takes the first that it finds: ``-f locustfile.py,shapes/X.py``.

``--users`` is the peak and ``--run-time`` the length of each.
"""

from __future__ import annotations

from locust import LoadTestShape


class Shape(LoadTestShape):
    """A course of users over the share of the run time that has passed."""

    abstract = True
    use_common_options = True

    def share(self, passed: float) -> float:
        """Of the peak's users, 0 to 1, when ``passed`` (0 to 1) of the time has."""
        raise NotImplementedError

    def tick(self) -> tuple[int, float] | None:
        """Users and how many start a second; None ends the run."""
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        assert options is not None
        peak, seconds = options.num_users or 50, options.run_time or 60
        passed = self.get_run_time() / seconds  # type: ignore[no-untyped-call]
        return None if passed >= 1 else (max(1, round(peak * self.share(passed))), float(peak))
