"""A response within a given time, or a 504."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.problems import Problem

CHECKS = 10
"""How often expired requests are looked for within the timeout."""


class Deadline:
    """ASGI middleware: cancels a request after ``seconds``, plus up to a tenth, and answers 504.

    One timer serves all requests. BentoML's middleware starts a task and a timer for each, and the
    timers stay until the timeout has passed: collecting them as garbage made pauses of 40 ms.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self.running: dict[asyncio.Task[Any], float] = {}  # start times, oldest first
        self.expired: set[asyncio.Task[Any]] = set()
        self.timer: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.loop = asyncio.get_running_loop()
        # Without a loop this is the running one, which costs a system call (getpid) in Python 3.11.
        task = asyncio.current_task(self.loop)
        if scope["type"] != "http" or task is None:
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        self.running[task] = monotonic()
        if self.timer is None:
            self.check()
        try:
            await self.app(scope, receive, send_and_note_start)
        except asyncio.CancelledError:
            if task not in self.expired or started:
                raise
            task.uncancel()
            await Problem(504).response()(scope, receive, send)
        finally:
            self.running.pop(task, None)
            self.expired.discard(task)

    def check(self) -> None:
        """Cancel expired requests; schedule the next check while any request is running."""
        now = monotonic()
        for task, start in list(self.running.items()):
            if now - start < self.seconds:
                break
            del self.running[task]
            self.expired.add(task)
            task.cancel()
        self.timer = None
        if self.running:
            self.timer = asyncio.get_running_loop().call_later(self.seconds / CHECKS, self.check)
