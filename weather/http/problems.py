"""One error shape on every path: ``{"error": "<one sentence>", "detail": [...]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from weather.contract.faults import Fault
from weather.telemetry.request_id import current

SENTENCES: dict[int, str] = {
    401: "this path wants an API key: Authorization: Bearer KEY, or X-API-Key: KEY",
    404: "there is nothing at this path; POST /predict forecasts and GET /docs explains",
    405: "this path does not take that method; the Allow header says which it takes",
    429: "the service has as much to do as it can; try again after the seconds in Retry-After",
    500: "the service failed to answer; the fault is in its log",
    503: "the service is not ready; try again after the seconds in Retry-After",
    504: "there was no forecast within the service's timeout",
}

RETRY_HEADERS: dict[int, dict[str, str]] = {429: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}


class Problem(Exception):
    """A request that can't be answered: a status, one sentence, and the faults if there are any."""

    def __init__(self, status: int, error: str = "", detail: Sequence[Fault] = ()) -> None:
        self.status = status
        self.error = error or SENTENCES.get(status) or HTTPStatus(status).phrase.lower()
        self.detail = detail
        super().__init__(self.error)

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """What clients see; ``headers`` are added."""
        return JSONResponse(
            {"error": self.error, "detail": [asdict(fault) for fault in self.detail]},
            self.status,
            {**RETRY_HEADERS.get(self.status, {}), **(headers or {})},
        )


def refusal(faults: Sequence[Fault]) -> Problem:
    """400 for a body that breaks the contract; the sentence is the first fault's."""
    more = len(faults) - 1
    return Problem(400, faults[0].msg + (f" (and {more} more)" if more else ""), faults)


def http_problem(_: Request, error: Exception) -> Response:
    """Starlette's handler for its own 404, 405 and the probes' 503; the Allow header stays."""
    assert isinstance(error, HTTPException)
    return Problem(error.status_code).response(error.headers)


def unexpected_problem(_: Request, __: Exception) -> Response:
    """Starlette's handler for what nobody caught; it raises the error again, for the log."""
    return Problem(500).response({"X-Request-ID": current.get()})
