"""Logging as text or as JSON with request ids."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stations.metrics import request_seconds

ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,128}")
PREFIX = secrets.token_hex(8).encode()
counted = count(1)

current: ContextVar[str] = ContextVar("request_id", default="")


class JsonFormatter(logging.Formatter):
    """One JSON object per line; a traceback is a field with escaped line breaks."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current.get() or None,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(log_format: str) -> None:
    """Log everything to stderr by one handler."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter()
        if log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class RequestId:
    """Outermost ASGI middleware: assigns a request id, adds it to the response, measures the duration."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request = sent if ACCEPTED.fullmatch(sent) else b"%s-%x" % (PREFIX, next(counted))
        current.set(request.decode())
        start = time.perf_counter()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request)]
            await send(message)

        try:
            await self.app(scope, receive, named)
        finally:
            # The endpoint's name, not the path, which may contain station names and keys.
            route = getattr(scope.get("endpoint"), "__name__", "none")
            request_seconds.labels(route).observe(time.perf_counter() - start)
