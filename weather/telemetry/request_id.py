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

PREFIX = secrets.token_hex(8).encode()
counted = count(1)

current: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; empty outside of one, as in a batch of many."""


def accepted_or_made(given: bytes) -> bytes:
    """The client's id, unless it is not 1 to 128 characters of ``[A-Za-z0-9._-]``: it goes into logs.

    One made here is a prefix, drawn once a process, and a count: a random one each would cost more.
    """
    return given if ACCEPTED.fullmatch(given) else b"%s-%x" % (PREFIX, next(counted))


class RequestId:
    """ASGI middleware, the outermost: names the request, and puts its id into the answer.

    The context variable is not reset: a request has a task of its own, and what answers when all
    else has failed (``problems.unexpected_problem``) is outside of this.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = b""
        for name, value in scope["headers"]:
            if name == HEADER:
                given = value
                break
        request = accepted_or_made(given)
        current.set(request.decode())

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, request)]
            await send(message)

        await self.app(scope, receive, named)


def add_request_id(record: logging.LogRecord) -> bool:
    """A logging filter, after BentoML's: the id as a field, and at the end of its text lines."""
    request = current.get()
    vars(record)["request_id"] = request or None
    if request and hasattr(record, "trace_msg"):
        record.trace_msg += f" (request={request})"
    return True
