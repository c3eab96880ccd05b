"""Which model answered: its tag in a header of every forecast, and from there in access log and traces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar

from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-model-version"
"""Its value is the classifier's tag, as ``GET /model`` and the forecast log have it."""

ATTRIBUTE = "rain_forecast.model_version"
"""Of the span of a request."""

answered_by: ContextVar[str] = ContextVar("model_version", default="")
"""The model that has answered the request being handled; set where an access log is written only."""


class NoteModelVersion:
    """ASGI middleware: calls ``note`` with the value of a response's ``HEADER``.

    It is there only inside of the access log and of tracing, both of which are off by default.
    """

    def __init__(self, app: ASGIApp, note: Callable[[str], object]) -> None:
        self.app = app
        self.note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in message.get("headers", ()):
                    if name == HEADER:
                        self.note(value.decode())
            await send(message)

        await self.app(scope, receive, send_and_note)


def add_model_version(record: logging.LogRecord) -> bool:
    """A logging filter for the access log: adds the model as a field, if there was a forecast."""
    if version := answered_by.get():
        vars(record)["model_version"] = version
    return True


def trace_model(version: str) -> None:
    """Note the model in the current span."""
    trace.get_current_span().set_attribute(ATTRIBUTE, version)
