"""An answer to clients of a worker whose start-up failed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.problems import Problem

log = logging.getLogger("bentoml.weather")

RETRY_SECONDS = 30
"""How long a worker stays after a failed start-up; then the supervisor starts another one."""


class StartupGuard:
    """ASGI middleware, the outermost: responds with 503 to everything after a failed start-up.

    The server would exit otherwise, and so would the next worker and the one after that: clients
    connect to the socket, which the supervisor holds open, and wait for a response that never comes.
    """

    def __init__(self, app: ASGIApp, retry_seconds: float = RETRY_SECONDS) -> None:
        self.app = app
        self.retry_seconds = retry_seconds
        self.failed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
        elif self.failed:
            problem = Problem(503, "the service failed to start, and will try again; its log has the cause")
            await problem.response({"Retry-After": f"{self.retry_seconds:g}"})(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's lifespan; a start-up that fails is reported to the server as complete."""

        async def report(message: Message) -> None:
            self.failed = message["type"] == "lifespan.startup.failed"
            await send({"type": "lifespan.startup.complete"} if self.failed else message)

        try:
            await self.app(scope, receive, report)
        except Exception:
            if not self.failed:
                raise
            log.exception("Start-up failed; requests get 503, in %g s this worker ends", self.retry_seconds)
            stop = asyncio.get_running_loop().call_later(
                self.retry_seconds, os.kill, os.getpid(), signal.SIGINT
            )
            await receive()
            stop.cancel()
            await send({"type": "lifespan.shutdown.complete"})
