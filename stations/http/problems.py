"""Error responses, in the forecast service's form: ``{"error": "<one sentence>", "detail": [...]}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stations.metrics import refusals
from stations.reports import Fault, Refused
from stations.store.access import DatabaseFailed, TooManyPending

SENTENCES = {
    401: "this path wants an API key: Authorization: Bearer KEY, or X-API-Key: KEY",
    403: "this key is not for this station",
    404: "there is nothing at this path; the document of the service is docs/stations.md",
    405: "this path does not take that method; the Allow header says which it takes",
    408: "the body did not arrive in time",
    429: "the service has as much to do as it can; try again after the seconds in Retry-After",
    500: "the service failed to answer; the fault is in its log",
    503: "the service is not ready; try again after the seconds in Retry-After",
}
RETRY_HEADERS = {429: {"Retry-After": "1"}, 503: {"Retry-After": "5"}}
MAX_FAULTS = 100


class Problem(Exception):
    """A request that can't be fulfilled: a status, one sentence, and the faults if there are any."""

    def __init__(self, status: int, error: str = "", detail: Sequence[Fault] = ()) -> None:
        self.status = status
        self.error = error or SENTENCES.get(status) or HTTPStatus(status).phrase.lower()
        self.detail = detail
        super().__init__(self.error)

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """The response to the client, with additional ``headers``."""
        return JSONResponse(
            {"error": self.error, "detail": [asdict(fault) for fault in self.detail[:MAX_FAULTS]]},
            self.status,
            {**RETRY_HEADERS.get(self.status, {}), **(headers or {})},
        )


def refusal(faults: Sequence[Fault]) -> Problem:
    """A 400 for an invalid report; its sentence is that of the first fault."""
    more = len(faults) - 1
    return Problem(400, faults[0].msg + (f" (and {more} more)" if more else ""), faults)


def answer_problem(_: Request, error: Exception) -> Response:
    """Starlette's exception handler; unexpected exceptions are answered with 500."""
    headers: Mapping[str, str] | None = None
    match error:
        case Problem():
            problem = error
        case Refused():
            problem = refusal(error.faults)
        case TooManyPending():
            problem = Problem(429)
        case DatabaseFailed():
            problem = Problem(
                503, "the database does not take reports now; nothing of this request is stored"
            )
        case HTTPException():
            problem, headers = Problem(error.status_code), error.headers
        case _:
            problem = Problem(500)
    if problem.status == 401:
        headers = {"WWW-Authenticate": 'Bearer realm="stations"'}
    refusals.labels(str(problem.status)).inc()
    return problem.response(headers)


HANDLED: tuple[type[Exception], ...] = (
    Problem,
    Refused,
    TooManyPending,
    DatabaseFailed,
    HTTPException,
    Exception,
)
