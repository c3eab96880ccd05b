"""The service's configuration: every figure that an operator might ask about, with its reason."""

from __future__ import annotations

from typing import Any

MAX_BATCH_SIZE = 256
"""Rows in one batch at most; one batch of it takes about 2 ms of CPU."""

MAX_LATENCY_MS = 1000
"""Seconds of queueing after which BentoML cancels a request with 503. Not lower: the dispatcher
compares it with an estimate that starts high, and small values make it cancel healthy requests."""

LARGEST_BODY = 16 * 1024
"""Bytes of a /predict body at most; the documented one has about 180."""

CONFIGURATION: dict[str, Any] = {
    "workers": 1,
    # BentoML keeps a timer a request until the timeout passes: small, or memory grows with rate.
    "traffic": {"timeout": 10},
    # An access log line costs about a fifth of a request; /metrics counts them all the same.
    "logging": {"access": {"enabled": False}},
}
