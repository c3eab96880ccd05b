"""An answer within a given time, or a 504."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.problems import Problem


class Deadline:
    """ASGI middleware: cancels a request after ``seconds`` and answers 504.

    The timer goes with the request. BentoML's own keeps one for each request until the timeout
    has passed, and runs each request in a task of its own.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None
        expired = started = False

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        async def noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        timer = asyncio.get_running_loop().call_later(self.seconds, expire)
        try:
            await self.app(scope, receive, noticed)
        except asyncio.CancelledError:
            if not expired or started:
                raise
            task.uncancel()
            await Problem(504).response()(scope, receive, send)
        finally:
            timer.cancel()
