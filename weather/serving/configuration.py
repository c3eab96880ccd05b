"""BentoML's configuration of the service, each value with its reason."""

from __future__ import annotations

from typing import Any

from bentoml._internal.configuration.containers import BentoMLContainer

from weather.http.limits import REQUEST_TIMEOUT_SECONDS
from weather.http.settings import Settings

MAX_BATCH_SIZE = 256
"""Rows in one batch; computing a full batch takes about 2 ms of CPU time."""

MAX_LATENCY_MS = 1000
"""Queueing time after which a request is rejected with 503; a full batch before it takes some 2 ms."""


def configuration(settings: Settings) -> dict[str, Any]:
    """Arguments of ``bentoml.service``; an operator overrides them in BentoML's configuration file."""
    options: dict[str, Any] = {
        "workers": 1,
        "traffic": {"timeout": REQUEST_TIMEOUT_SECONDS},
        # A forecast takes from half a millisecond to some tens; BentoML's first bucket ends at 5 ms.
        "metrics": {
            "duration": {"buckets": [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]}
        },
        # Writing access log lines takes a third of the throughput at 32 connections
        # (docs/performance.md); /metrics counts every request without them.
        "logging": {"access": {"enabled": False}},
    }
    if settings.otlp_endpoint is not None:
        options["tracing"] = {
            "exporter_type": "otlp",
            "sample_rate": settings.trace_rate,
            "otlp": {"protocol": "http", "endpoint": f"{str(settings.otlp_endpoint).rstrip('/')}/v1/traces"},
        }
    return options


def tracing() -> bool:
    """Whether a trace exporter is configured."""
    return BentoMLContainer.config.tracing.exporter_type.get() is not None
