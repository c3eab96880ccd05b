"""One error shape on every path: ``{"error": "<one sentence>", "detail": [...]}``."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT_HEADERS = ("allow", "retry-after", "www-authenticate", "x-bentoml-request-id", "connection")

SENTENCES: dict[int, str] = {
    404: "there is nothing at this path; POST /predict forecasts and GET /docs explains",
    405: "this path does not take that method; the Allow header says which it takes",
    429: "too many requests at once; try again after the seconds in Retry-After",
    500: "the service failed to answer; the fault is in its log",
    503: "the service is not ready or is overloaded; try again",
    504: "the forecast took longer than the service's timeout",
}


@dataclass(frozen=True)
class Fault:
    """One fault of a request: where (``loc``, a path into the body), what, and its kind."""

    loc: Sequence[str | int]
    msg: str
    type: str


@dataclass
class Problem(Exception):
    """A request that can't be answered. Raised anywhere below ``ErrorShape``."""

    status: int
    error: str
    detail: Sequence[Fault] = field(default_factory=tuple)

    def body(self) -> bytes:
        """The JSON that clients see, UTF-8."""
        return json.dumps(
            {"error": self.error, "detail": [asdict(f) for f in self.detail]}, ensure_ascii=False
        ).encode()

    async def send(self, send: Send, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with this problem; ``headers`` are added to type and length."""
        body = self.body()
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    *headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})


def refusal(faults: Sequence[Fault]) -> Problem:
    """400 for a body that breaks the contract; the sentence is the first fault's."""
    more = len(faults) - 1
    return Problem(400, faults[0].msg + (f" (and {more} more)" if more else ""), faults)


class ErrorShape:
    """ASGI middleware: gives every answer of status 400 and above the one error shape.

    BentoML answers plain text for 404 and 405, a JSON array for its own exceptions and several
    objects elsewhere, and its endpoint wrapper turns any exception that it does not know into a
    500. So a ``Problem`` on its way up is noted in the request's scope (see ``noted``) and the
    answer that BentoML makes of it is replaced here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        replacing = False

        async def shaped(message: Message) -> None:
            nonlocal replacing
            if message["type"] == "http.response.start" and message["status"] >= 400:
                replacing = True
                kept = [h for h in message.get("headers", ()) if h[0].decode() in KEPT_HEADERS]
                await _problem(scope, message["status"]).send(send, kept)
            elif not replacing:
                await send(message)

        try:
            await self.app(scope, receive, shaped)
        except Problem as problem:
            await problem.send(send)


def noted(scope: Scope, problem: Problem) -> Problem:
    """Leave ``problem`` where ``ErrorShape`` finds it; returned so that it can be raised."""
    scope["weather.problem"] = problem
    return problem


def _problem(scope: Scope, status: int) -> Problem:
    problem: Problem | None = scope.get("weather.problem")
    if problem is not None:
        return problem
    return Problem(status, SENTENCES.get(status, HTTPStatus(status).phrase.lower()))


def client_fault(record: logging.LogRecord) -> bool:
    """A log filter: False for the traceback BentoML writes when a client's request is refused.

    A client must not be able to fill the log with tracebacks; refusals are counted in /metrics.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], Problem))
