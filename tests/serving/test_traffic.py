"""What ``weather/serving/traffic.py`` relies on in BentoML's metrics middleware."""

from __future__ import annotations

import inspect

from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware


def test_the_middleware_makes_the_families_that_are_used() -> None:
    source = inspect.getsource(RunnerTrafficMetricsMiddleware._setup)
    for family in ("request_duration", "request_total", "request_in_progress", "last_request_timestamp"):
        assert f"self.metrics_{family} =" in source
