"""The lame-duck period: SIGTERM first makes the service not ready, and stops it some time later."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.problems import Problem

log = logging.getLogger("bentoml.weather")


class Draining:
    """ASGI middleware: after SIGTERM ``/readyz`` is 503 and all else is served for ``seconds`` more.

    BentoML's server stops listening at once, while balancers go on sending until their next look at
    ``/readyz``. In the period each answer closes its connection, so that clients with a kept one go
    elsewhere. Requests that are in flight at its end are finished. A second SIGTERM ends it early.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette builds its middlewares when the server starts, in the server's main thread;
        # tests and embedding programs may not be there, and have no signals to handle.
        if scope["type"] == "lifespan" and threading.current_thread() is threading.main_thread():
            self.watch()
        if not self.draining or scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/readyz":
            await Problem(503, "the service is about to stop").response()(scope, receive, send)
        else:
            await self.app(scope, receive, closing(send))

    def watch(self) -> None:
        """Put our handler before the server's."""
        loop = asyncio.get_running_loop()
        stop = signal.getsignal(signal.SIGTERM)

        def drain(number: int, frame: FrameType | None) -> None:
            if not callable(stop):
                return
            if self.draining:
                stop(number, frame)
                return
            self.draining = True
            log.info("Not ready any more; stopping in %g s", self.seconds)
            loop.call_soon_threadsafe(loop.call_later, self.seconds, stop, number, frame)

        signal.signal(signal.SIGTERM, drain)


def closing(send: Send) -> Send:
    """``send``, and the server closes the connection after the answer."""

    async def last(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        await send(message)

    return last
