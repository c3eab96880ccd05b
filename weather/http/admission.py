"""Limits concurrency: rejects excess requests with 429 so that accepted ones are answered quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from weather.http import protocol
from weather.http.problems import Problem
from weather.telemetry.metrics import count_refusal


class InFlight:
    """Slots for requests in flight, at most ``limits[path]`` of a path at once."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self.limits = dict(limits)
        self.free = dict(limits)

    def idle(self) -> bool:
        """Whether no request is in flight."""
        return self.free == self.limits

    def check(self, path: str) -> None:
        """Refuse while no slot of the path is free.

        Raises:
            Problem: 429.
        """
        if self.free[path] <= 0:
            count_refusal("busy")
            raise Problem(429)

    @contextmanager
    def slot(self, path: str) -> Iterator[None]:
        """A slot of the path, for one request.

        Raises:
            Problem: 429, if none is free.
        """
        self.check(path)
        self.free[path] -= 1
        try:
            yield
        finally:
            self.free[path] += 1


class Admission:
    """ASGI middleware, the innermost: requests of a path with slots take one, or are rejected.

    A request takes its slot once its body has arrived, so that slow senders hold none. While no slot
    is free ``LimitedHttpProtocol`` refuses most requests at lower cost, and calls ``on_refusal`` with
    their path; the remaining ones are refused here.
    """

    def __init__(self, app: ASGIApp, in_flight: InFlight, on_refusal: Callable[[str], None]) -> None:
        self.app = app
        self.in_flight = in_flight
        self.on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        free = self.in_flight.free
        if scope["type"] == "lifespan":
            protocol.install(receive, free, self.on_refusal)
        path: Any = scope.get("path")
        if path not in free:
            await self.app(scope, receive, send)
        elif free[path] > 0:
            free[path] -= 1
            try:
                await self.app(scope, receive, send)
            finally:
                free[path] += 1
        else:
            count_refusal("busy")
            await Problem(429).response()(scope, receive, send)
