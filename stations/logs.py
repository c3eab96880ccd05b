"""Log lines, as text or JSON, with the id of the request that they belong to."""

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
    """One JSON object a line; a traceback is a field, its line breaks escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
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
    """One handler for everything, on stderr."""
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
    """ASGI middleware, the outermost: names the request, puts its id into the answer, takes its time."""

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
            # The route's template, not the path: station names and secrets are not labels.
            route = getattr(scope.get("endpoint"), "__name__", "none")
            request_seconds.labels(route).observe(time.perf_counter() - start)
