"""The lame-duck period: after SIGTERM the service is not ready but still serves, and stops later."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.problems import Problem

log = logging.getLogger("bentoml.weather")

SHUTTING_DOWN = "the service is shutting down"


class Draining:
    """ASGI middleware: after SIGTERM ``/readyz`` is 503; other requests are served for ``seconds`` more.

    BentoML's server stops listening immediately, while load balancers send requests until their next
    readiness probe. During the period each response closes its connection, so that clients with a
    kept connection move to another replica. Requests in flight at its end are completed. A
    second SIGTERM ends it early. ``on_drain`` is called in the event loop when it begins.
    """

    def __init__(self, app: ASGIApp, seconds: float, on_drain: Callable[[], object] | None = None) -> None:
        self.app = app
        self.seconds = seconds
        self.on_drain = on_drain
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette builds its middlewares when the server starts, in the server's main thread. Tests and
        # programs that embed the app may run in another thread, where signals can't be handled.
        if scope["type"] == "lifespan" and threading.current_thread() is threading.main_thread():
            self.handle_sigterm()
        if not self.draining or scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/readyz":
            await Problem(503, SHUTTING_DOWN).response()(scope, receive, send)
        else:
            await self.app(scope, receive, closing(send))

    def handle_sigterm(self) -> None:
        """Install our signal handler in front of the server's."""
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
            if self.on_drain is not None:
                loop.call_soon_threadsafe(self.on_drain)
            loop.call_soon_threadsafe(loop.call_later, self.seconds, stop, number, frame)

        signal.signal(signal.SIGTERM, drain)


def closing(send: Send) -> Send:
    """``send`` that has the server close the connection after the response."""

    async def send_last(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        await send(message)

    return send_last
