"""Limits of requests and of the work in progress, each with its reason. Constants, not settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """The limits of one POST path."""

    media_types: tuple[str, ...]

    max_bytes: int
    """Size of the body."""

    max_in_flight: int
    """Requests admitted at once per worker; the next one is answered with 429."""


ENDPOINTS: dict[str, Endpoint] = {
    # The documented body has about 180 bytes.
    "/predict": Endpoint(("application/json",), 16 * 1024, 64),
    # 10,000 rows are 1.8 MB and take a tenth of a second, and 30 MB of memory while they are parsed.
    "/predict_batch": Endpoint(("application/json", "text/csv"), 4 * 1024 * 1024, 4),
}

MAX_HEADER_BYTES = 32 * 1024
"""Size of the request line and headers together (431)."""

HEADER_TIMEOUT_SECONDS = 10
"""Time for the request line and headers to arrive, from the opening of the connection or from their
first byte; then the connection is closed. Between requests BentoML's ``--timeout-keep-alive`` applies (5 s).
"""

MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""Memory per worker for bodies that are still arriving; the body of a slow sender waits in memory."""

REQUEST_TIMEOUT_SECONDS = 10
"""Time from request to response (504). BentoML's configuration can change it: ``traffic.timeout``."""

MAX_FAULTS = 100
"""Faults listed in one error response."""
