"""The service's configuration: every figure that an operator might ask about, with its reason."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def seconds(variable: str, default: float, most: float) -> float:
    """An environment variable in seconds.

    Raises:
        ValueError: it is no number from 0 to ``most``.
    """
    text = os.environ.get(variable, str(default))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise ValueError(f"{variable} is {text!r}: give seconds from 0 to {most:g}")
    return value


def share(variable: str, default: float) -> float:
    """An environment variable from 0 to 1.

    Raises:
        ValueError: it is no such number.
    """
    text = os.environ.get(variable, default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"{variable} is {text!r}: give a number from 0 to 1")
    return value


def choice(variable: str, *allowed: str) -> str:
    """An environment variable, by default the first that is allowed.

    Raises:
        ValueError: it is none of those.
    """
    value = os.environ.get(variable, allowed[0])
    if value not in allowed:
        raise ValueError(f"{variable} is {value!r}: give {' or '.join(allowed)}")
    return value


LAME_DUCK_SECONDS = seconds("WEATHER_LAME_DUCK_SECONDS", default=0, most=600)
"""Seconds between SIGTERM and the end, not ready but serving; the image sets 5 (bentofile.yaml)."""

API_KEYS_FILE = Path(os.environ["WEATHER_API_KEYS_FILE"]) if os.environ.get("WEATHER_API_KEYS_FILE") else None
"""Where the accepted API keys are; without it there are no keys."""

LOG_FORMAT = choice("WEATHER_LOG_FORMAT", "text", "json")
"""BentoML's text lines, or one JSON object a line."""

FORECAST_LOG_RATE = share("WEATHER_FORECAST_LOG_RATE", default=0)
"""Of the forecasts, this share is logged with its inputs, for the drift report (docs/drift.md)."""

OTLP_ENDPOINT = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
"""The collector that traces go to, by OTLP over HTTP, as http://127.0.0.1:4318; without it there are none."""

TRACE_RATE = share("OTEL_TRACES_SAMPLER_ARG", default=1)
"""Of the requests that don't say themselves whether they are traced, this share is."""

MAX_BATCH_SIZE = 256
"""Rows in one batch at most; one batch of it takes about 2 ms of CPU."""

MAX_LATENCY_MS = 1000
"""Milliseconds of queueing after which BentoML cancels a request with 503. Not lower: the dispatcher
compares it with an estimate that starts high, and small values make it cancel healthy requests."""

MOST_FAULTS = 100
"""Faults listed in one refusal at most."""


@dataclass(frozen=True)
class Endpoint:
    """The limits of one POST path."""

    media_types: tuple[str, ...]

    most_bytes: int
    """Bytes of a body at most."""

    most_in_flight: int
    """Requests admitted at once, a worker; the next one gets a 429."""


ENDPOINTS: dict[str, Endpoint] = {
    # The documented body has about 180 bytes. 128 in flight wait some 30 ms for their turn.
    "/predict": Endpoint(("application/json",), 16 * 1024, 64),
    # 10,000 rows have 1.8 MB, take a tenth of a second, and 30 MB of memory while they are parsed.
    "/predict_batch": Endpoint(("application/json", "text/csv"), 4 * 1024 * 1024, 4),
}

MOST_HEAD_BYTES = 32 * 1024
"""Of a request's line and headers (431)."""

HEAD_SECONDS = 10
"""For the head of a request to come, from the connection's opening or from the head's first byte;
then the connection is closed. Between requests it is BentoML's --timeout-keep-alive, 5 s."""

MOST_ARRIVING_BYTES = 64 * 1024 * 1024
"""Of bodies that have begun to arrive, together, a worker; a slow sender's body waits in memory."""

CONFIGURATION: dict[str, Any] = {
    "workers": 1,
    # BentoML keeps a timer a request until the timeout passes: small, or memory grows with rate.
    "traffic": {"timeout": 10},
    # A forecast takes from half a millisecond to some tens; BentoML's first bucket ends at 5 ms.
    "metrics": {
        "duration": {"buckets": [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]}
    },
    # A third of the throughput at 32 connections goes into access log lines (docs/performance.md);
    # /metrics counts every request all the same.
    "logging": {"access": {"enabled": False}},
}
if OTLP_ENDPOINT:
    CONFIGURATION["tracing"] = {
        "exporter_type": "otlp",
        "sample_rate": TRACE_RATE,
        "otlp": {"protocol": "http", "endpoint": f"{OTLP_ENDPOINT}/v1/traces"},
    }
