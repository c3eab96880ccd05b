"""An open-loop load: requests are sent on schedule, whether or not earlier ones have been answered.

Latency counts from the scheduled time, so a stalled server can't hide its delay (no coordinated
omission). Locust's users wait for their responses: they can't overload a server this way, and they
cost more CPU per request than the service does. Hence this generator on plain asyncio.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import numpy as np

from loadtest.requests import Request

Address = tuple[str, int]

TICK_SECONDS = 0.001
RETRY_SECONDS = 0.1
LAST_RESPONSE_SECONDS = 15


class Response(NamedTuple):
    """Scheduled time in seconds from the start of the load, latency in seconds from then on, status."""

    scheduled: float
    latency: float
    status: int


@dataclass
class Outcome:
    """The result of a load of ``seconds``: ``offered`` requests and what became of them."""

    offered: int = 0
    wrong: int = 0
    responses: list[Response] = field(default_factory=list)
    retried: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    seconds: float = 0.0

    def count(self, status: int) -> int:
        """Responses with this status."""
        return sum(response.status == status for response in self.responses)

    def goodput(self) -> float:
        """200s per second, of those that arrived while the load was on."""
        in_time = [r for r in self.responses if r.scheduled + r.latency < self.seconds]
        return sum(response.status == 200 for response in in_time) / self.seconds

    def percentile(self, percent: float, status: int = 200) -> float:
        """A percentile of the latency of responses with this status, in ms; NaN without any."""
        latencies = [response.latency for response in self.responses if response.status == status]
        return float(np.percentile(latencies, percent)) * 1000 if latencies else float("nan")


class Connection(asyncio.Protocol):
    """A keep-alive connection with at most one request in flight."""

    def __init__(self, load: Load, address: Address) -> None:
        self.load = load
        self.address = address
        self.in_flight: tuple[float, Request] | None = None
        self.received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def send(self, scheduled: float, request: Request) -> None:
        """Send one request."""
        assert self.transport is not None
        self.in_flight = (scheduled, request)
        self.transport.write(request.data)

    def data_received(self, data: bytes) -> None:
        received = self.received = self.received + data
        end = received.find(b"\r\n\r\n")
        if end < 0 or self.in_flight is None:
            return
        headers = received[: end + 2].lower()
        length = int(header(headers, b"content-length"))
        body = received[end + 4 :]
        if len(body) < length:
            return
        scheduled, request = self.in_flight
        self.in_flight, self.received = None, b""
        model = header(headers, b"x-model-version")
        self.load.on_response(scheduled, int(received[9:12]), request, body, model)
        if b"connection: close" in headers:
            assert self.transport is not None
            self.transport.close()
        else:
            self.load.idle[self.address].append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.open.discard(self)
        if self in self.load.idle[self.address]:
            self.load.idle[self.address].remove(self)
        if self.in_flight is not None:
            reason = "closed without a response" if exc is None else type(exc).__name__
            self.load.on_failure(reason, *self.in_flight)
            self.in_flight = None


class Load:
    """Offers ``rate`` requests per second for ``seconds``, with random gaps (a Poisson process).

    A request whose connection broke is sent again, as a load balancer may do: a forecast changes
    nothing. ``urls`` is called for each request and returns the services that may be used then.
    ``kept`` connections are opened before the load begins, as a load balancer keeps them. At most
    ``max_open`` are open; a request that is due while all are busy waits, and its latency counts.
    """

    def __init__(
        self,
        urls: Callable[[], Sequence[str]],
        requests: Sequence[Request],
        rate: float,
        seconds: float,
        kept: int = 1000,
        max_open: int = 1000,
    ) -> None:
        self.urls = urls
        self.requests = requests
        self.rate = rate
        self.seconds = seconds
        self.kept = kept
        self.max_open = max_open
        self.idle: dict[Address, deque[Connection]] = {}
        self.open: set[Connection] = set()
        self.opening: set[asyncio.Task[None]] = set()
        self.waiting: deque[tuple[float, Request]] = deque()
        self.outcome = Outcome(seconds=seconds)
        self.pending = 0
        self.start = 0.0

    async def run(self) -> Outcome:
        """Send all requests, wait for the last responses, close all connections."""
        # A garbage collection over a million responses takes 0.1 s, which would be measured as latency of the
        # service: at 24,000 requests/s the p99 of rejections was 130 ms with collections, and 16 ms without.
        gc.disable()
        try:
            return await self.send_all()
        finally:
            gc.enable()

    async def send_all(self) -> Outcome:
        """The load itself."""
        rng = random.Random(1)  # the same schedule in each run
        for number in range(self.kept):
            await self.open_connection(self.address(number))
        start = self.start = monotonic()
        scheduled = 0.0
        while scheduled < self.seconds:
            elapsed = monotonic() - start
            while scheduled <= min(elapsed, self.seconds):
                request = self.requests[self.outcome.offered % len(self.requests)]
                self.waiting.append((start + scheduled, request))
                self.send_next()
                self.outcome.offered += 1
                scheduled += rng.expovariate(self.rate)
            await asyncio.sleep(TICK_SECONDS)
        deadline = monotonic() + LAST_RESPONSE_SECONDS
        while (self.pending or self.waiting) and monotonic() < deadline:
            self.send_next()
            await asyncio.sleep(0.01)
        self.outcome.lost = self.pending + len(self.waiting)
        for task in self.opening:
            task.cancel()
        for connection in list(self.open):
            connection.in_flight = None
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.sleep(0.05)
        return self.outcome

    def address(self, number: int) -> Address:
        """Host and port of the service that gets the request or connection with this number."""
        urls = self.urls()
        url = urlsplit(urls[number % len(urls)])
        return str(url.hostname), int(url.port or 80)

    def send_next(self) -> None:
        """Send the request that has waited longest, if a connection is idle or may be opened."""
        if not self.waiting:
            return
        address = self.address(self.outcome.offered)
        idle = self.idle.setdefault(address, deque())
        while idle:
            connection = idle.popleft()  # the longest idle one, before the server closes it
            if connection.transport is not None and not connection.transport.is_closing():
                self.pending += 1
                connection.send(*self.waiting.popleft())
                return
        if len(self.open) + len(self.opening) < self.max_open:
            self.pending += 1
            task = asyncio.create_task(self.connect(address, *self.waiting.popleft()))
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)

    async def connect(self, address: Address, scheduled: float, request: Request) -> None:
        """Open a connection for one request; it is kept for later ones."""
        try:
            connection = await self.open_connection(address)
        except OSError as error:
            await asyncio.sleep(RETRY_SECONDS)
            self.on_failure(type(error).__name__, scheduled, request)
            return
        self.idle[address].remove(connection)
        connection.send(scheduled, request)

    async def open_connection(self, address: Address) -> Connection:
        """A new connection, idle."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self, address), *address)
        self.open.add(connection)
        self.idle.setdefault(address, deque()).append(connection)
        return connection

    def on_response(self, scheduled: float, status: int, request: Request, body: bytes, model: str) -> None:
        """Record a response, and the model that it names."""
        self.pending -= 1
        self.outcome.responses.append(Response(scheduled - self.start, monotonic() - scheduled, status))
        if status == 200 and not request.accepts(body, model):
            self.outcome.wrong += 1
        if self.waiting:
            asyncio.get_running_loop().call_soon(self.send_next)

    def on_failure(self, reason: str, scheduled: float, request: Request) -> None:
        """Put a request that got no response back at the head of the queue."""
        self.pending -= 1
        self.outcome.retried[reason] += 1
        self.waiting.appendleft((scheduled, request))
        asyncio.get_running_loop().call_soon(self.send_next)


def header(headers: bytes, name: bytes) -> str:
    """The value of a header among lines in lower case, each with its line break; "" if it is not there."""
    _, _, rest = headers.partition(b"\r\n" + name + b": ")
    return rest.partition(b"\r\n")[0].decode()
