"""An answer within a given time, or a 504."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.problems import Problem

LOOKS = 10
"""How often, within the time allowed, late requests are looked for."""


class Deadline:
    """ASGI middleware: cancels a request after ``seconds`` (and up to a tenth more): 504.

    One timer looks after all requests. BentoML's middleware starts a task and a timer for each,
    and the timers stay until the timeout has passed: their garbage made pauses of 40 ms.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self.running: dict[asyncio.Task[Any], float] = {}  # oldest first
        self.late: set[asyncio.Task[Any]] = set()
        self.timer: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self.app(scope, receive, send)
            return
        started = False

        async def noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        self.running[task] = monotonic()
        if self.timer is None:
            self.look()
        try:
            await self.app(scope, receive, noticed)
        except asyncio.CancelledError:
            if task not in self.late or started:
                raise
            task.uncancel()
            await Problem(504).response()(scope, receive, send)
        finally:
            self.running.pop(task, None)
            self.late.discard(task)

    def look(self) -> None:
        """Cancel what is late; look again as long as anything runs."""
        now = monotonic()
        for task, since in list(self.running.items()):
            if now - since < self.seconds:
                break
            del self.running[task]
            self.late.add(task)
            task.cancel()
        self.timer = None
        if self.running:
            self.timer = asyncio.get_running_loop().call_later(self.seconds / LOOKS, self.look)
