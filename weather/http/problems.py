"""The error format of every path: ``{"error": "<one sentence>", "detail": [...]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from weather.contract.faults import Fault
from weather.telemetry.request_id import current

MESSAGES: dict[int, str] = {
    401: "this path requires an API key: Authorization: Bearer KEY, or X-API-Key: KEY",
    404: "no such path; POST /predict returns a forecast, GET /docs describes the API",
    405: "this path does not support the method; the Allow header lists those it does",
    429: "the service is at capacity; retry after the number of seconds in Retry-After",
    500: "internal error; the service's log has the cause",
    503: "the service is not ready; retry after the number of seconds in Retry-After",
    504: "the forecast did not complete within the service's timeout",
}
"""The sentence for each status, unless the error has a more specific one."""

RETRY_HEADERS: dict[int, dict[str, str]] = {429: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}


class Problem(Exception):
    """A request that can't be answered: a status, one sentence, and a list of faults if there are any.

    ``retry=False`` leaves out Retry-After, for what a later request won't change.
    """

    def __init__(
        self, status: int, error: str = "", detail: Sequence[Fault] = (), retry: bool = True
    ) -> None:
        self.status = status
        self.retry = retry
        self.error = error or MESSAGES.get(status) or HTTPStatus(status).phrase.lower()
        self.detail = detail
        super().__init__(self.error)

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """The HTTP response; ``headers`` are added."""
        return JSONResponse(
            {"error": self.error, "detail": [asdict(fault) for fault in self.detail]},
            self.status,
            {**(RETRY_HEADERS.get(self.status, {}) if self.retry else {}), **(headers or {})},
        )


def bad_request(faults: Sequence[Fault]) -> Problem:
    """400 for a body that breaks the contract; the sentence is that of the first fault."""
    more = len(faults) - 1
    return Problem(400, faults[0].msg + (f" (and {more} more)" if more else ""), faults)


def problem_response(_: Request, error: Exception) -> Response:
    """Exception handler for a ``Problem``."""
    assert isinstance(error, Problem)
    return error.response()


def http_problem(_: Request, error: Exception) -> Response:
    """Exception handler for Starlette's own 404, 405 and the probes' 503; keeps the Allow header."""
    assert isinstance(error, HTTPException)
    return Problem(error.status_code).response(error.headers)


def unexpected_problem(_: Request, __: Exception) -> Response:
    """Exception handler for everything else.

    Starlette raises the error again, so the server logs it, and closes the connection.
    """
    return Problem(500).response({"X-Request-ID": current.get(), "Connection": "close"})
