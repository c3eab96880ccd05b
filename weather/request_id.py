"""An id for each request: in its answer, and in every log line that is written on its behalf."""

from __future__ import annotations

import logging
import re
import secrets
from contextvars import ContextVar
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,128}")

current: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; empty outside of one, as in a batch of many."""


class RequestId:
    """ASGI middleware: takes the client's ``X-Request-ID`` or makes one, and puts it into the answer.

    What is not 1 to 128 characters of ``[A-Za-z0-9._-]`` is replaced: it would go into logs. Ids
    made here are a random prefix, drawn once, and a count: a random one each would cost more. The
    context variable is not reset: a request has a task of its own, and the access log, outside of
    this, writes its line when all is done.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.prefix = secrets.token_hex(8)
        self.count = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = b""
        for name, value in scope["headers"]:
            if name == HEADER:
                given = value
                break
        if not given or not ACCEPTED.fullmatch(given):
            given = b"%s-%x" % (self.prefix.encode(), next(self.count))
        current.set(given.decode())

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, given)]
            await send(message)

        await self.app(scope, receive, named)


def add_request_id(record: logging.LogRecord) -> bool:
    """A logging filter, after BentoML's: the id as a field, and at the end of its text lines."""
    request = current.get()
    vars(record)["request_id"] = request
    if request and hasattr(record, "trace_msg"):
        record.trace_msg += f" (request={request})"
    return True
