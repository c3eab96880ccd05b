"""The service's configuration: every figure that an operator might ask about, with its reason."""

from __future__ import annotations

from typing import Any

MAX_BATCH_SIZE = 256
"""Rows in one batch at most; one batch of it takes about 2 ms of CPU."""

MAX_LATENCY_MS = 1000
"""Milliseconds of queueing after which BentoML cancels a request with 503. Not lower: the dispatcher
compares it with an estimate that starts high, and small values make it cancel healthy requests."""

MOST_ROWS = 10_000
"""Observations in one /predict_batch request at most."""

MOST_FAULTS = 100
"""Faults listed in one refusal at most."""

BODIES: dict[str, tuple[int, tuple[str, ...]]] = {
    "/predict": (16 * 1024, ("application/json",)),
    "/predict_batch": (4 * 1024 * 1024, ("application/json", "text/csv")),
}
"""Of each POST path: bytes of a body at most (the documented ones have about 180, and 1.8 MB for
10,000 rows), and its media types."""

CONFIGURATION: dict[str, Any] = {
    "workers": 1,
    # BentoML keeps a timer a request until the timeout passes: small, or memory grows with rate.
    "traffic": {"timeout": 10},
    # A third of the throughput at 32 connections goes into access log lines (docs/performance.md);
    # /metrics counts every request all the same.
    "logging": {"access": {"enabled": False}},
}
