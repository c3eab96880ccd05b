"""Limits of requests and of the work in progress, each with its reason. Constants, not settings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weather.contract.names import SERVICE

SINGLE = "/predict"
BULK = "/predict_batch"
MODEL = f"/v2/models/{SERVICE}"
INFER = f"{MODEL}/infer"
"""Of the Open Inference Protocol. The model's version may be in the path too, see ``unversioned``."""

VERSIONED = re.compile(rf"({MODEL})/versions/[^/]+(/infer|/ready|)")


@dataclass(frozen=True)
class Endpoint:
    """The limits of one POST path."""

    media_types: tuple[str, ...]
    """The accepted Content-Types; the empty one stands for a request without that header."""

    max_bytes: int
    """Size of the body."""


ENDPOINTS: dict[str, Endpoint] = {
    # The documented body has about 180 bytes.
    SINGLE: Endpoint(("application/json",), 16 * 1024),
    # 10,000 rows are 1.8 MB and take some 30 ms; a body with a fault takes 30 MB of memory.
    BULK: Endpoint(("application/json", "text/csv"), 4 * 1024 * 1024),
    # tritonclient sends JSON without a type, and from asyncio as application/octet-stream.
    INFER: Endpoint(("application/json", "application/octet-stream", ""), 4 * 1024 * 1024),
}

KEEP = ("all", "none")
"""Values of the query parameter ``keep`` of BULK: which columns of a CSV body its answer has too. Without the
parameter other columns than the fields are refused."""

MAX_IN_FLIGHT = {SINGLE: 64, BULK: 4}
"""Requests admitted at once per worker; the next one is answered with 429. An inference request is
counted with the one or the other path, by its number of rows."""

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


def endpoint_of(path: str) -> Endpoint | None:
    """The limits of a path that forecasts, None for any other path."""
    return ENDPOINTS.get(path) or ENDPOINTS.get(unversioned(path))


def unversioned(path: str) -> str:
    """The path without the model's version, if there is one in it."""
    match = VERSIONED.fullmatch(path) if path.startswith(MODEL) else None
    return f"{match[1]}{match[2]}" if match else path
