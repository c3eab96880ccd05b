"""An id for each request, in its response and in every log line written while it is handled."""

from __future__ import annotations

import logging
import re
import secrets
from contextvars import ContextVar
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,128}")

PREFIX = secrets.token_hex(8).encode()
counter = count(1)

current: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request being handled; empty outside of a request, as in a batch of several."""


def accept_or_create(sent: bytes) -> bytes:
    """The client's id if it is 1 to 128 characters of ``[A-Za-z0-9._-]``, or else a new one.

    Only these characters, because the id goes into logs. A new id is a random prefix of the process
    and a counter: a random id per request would cost more.
    """
    return sent if ACCEPTED.fullmatch(sent) else b"%s-%x" % (PREFIX, next(counter))


class RequestId:
    """ASGI middleware, the outermost: sets the request's id and adds it to the response.

    The context variable is not reset. Each request runs in its own task, and the handler of
    unexpected errors (``problems.unexpected_problem``) runs outside of this middleware.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = b""
        for name, value in scope["headers"]:
            if name == HEADER:
                sent = value
                break
        request_id = accept_or_create(sent)
        current.set(request_id.decode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id)]
            await send(message)

        await self.app(scope, receive, send_with_id)


def add_request_id(record: logging.LogRecord) -> bool:
    """A logging filter, after BentoML's: adds the id as a field and at the end of its text lines."""
    request_id = current.get()
    vars(record)["request_id"] = request_id or None
    if request_id and hasattr(record, "trace_msg"):
        record.trace_msg += f" (request={request_id})"
    return True
