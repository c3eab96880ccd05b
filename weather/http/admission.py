"""Limits concurrency: rejects excess requests with 429 so that accepted ones are answered quickly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from weather.http import protocol
from weather.http.problems import Problem
from weather.telemetry.metrics import count_refusal


class Admission:
    """ASGI middleware, the innermost: at most ``limits[path]`` requests of a path at once.

    A request takes its slot once its body has arrived, so that slow senders hold none. While no slot
    is free ``LimitedHttpProtocol`` refuses most requests at lower cost, and calls ``on_refusal`` with
    their path; the remaining ones are refused here.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int], on_refusal: Callable[[str], None]) -> None:
        self.app = app
        self.free = dict(limits)
        self.on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            protocol.install(receive, self.free, self.on_refusal)
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
            count_refusal("busy")
            await Problem(429).response()(scope, receive, send)
