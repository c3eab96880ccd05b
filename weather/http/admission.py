"""Refuse what can't be computed soon (429), so that what is admitted is answered soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from weather.http import protocol
from weather.http.problems import Problem
from weather.telemetry import metrics


class Admission:
    """ASGI middleware, the innermost: at most ``most[path]`` requests of a path at once.

    A request takes its place once its body has come, so that slow senders take none from others.
    When all are taken ``frontdoor`` refuses, cheaply, most of what comes, calling ``refused`` with
    the path; what it leaves through is refused here.
    """

    def __init__(self, app: ASGIApp, most: Mapping[str, int], refused: Callable[[str], None]) -> None:
        self.app = app
        self.free = dict(most)
        self.refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            protocol.install(receive, self.free, self.refused)
        path: Any = scope.get("path")
        if path not in self.free:
            await self.app(scope, receive, send)
        elif self.free[path] > 0:
            self.free[path] -= 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.free[path] += 1
        else:
            metrics.refused("busy")
            await Problem(429).response()(scope, receive, send)
