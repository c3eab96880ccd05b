"""uvicorn's HTTP protocol with early refusals and limits on the request line and headers.

Refusing a request through the app costs a quarter of a forecast, because uvicorn needs that to pass
on any request. At three times the load that can be served, refusals then use half of the
processor. Refused here they cost about a tenth of a forecast (docs/operations.md, overload).

Limits the size of the request line and headers and the time they may take to arrive, which uvicorn does
not, and answers malformed HTTP with the standard error body. ``tests/http/test_protocol.py`` fails
when an upgrade of uvicorn changes what is relied on here.
"""

from __future__ import annotations

import re
import sys
from asyncio import AbstractEventLoop, BaseTransport, TimerHandle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.types import Receive
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from weather.http.limits import HEADER_TIMEOUT_SECONDS, MAX_HEADER_BYTES
from weather.http.one_write import OneWrite
from weather.http.problems import Problem
from weather.telemetry.request_id import accept_or_create

POST = re.compile(rb"POST (/\w+) HTTP/1\.1\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9}) *\r\n")
# An origin may have to be answered with CORS headers, which is the app's business.
UNUSUAL = re.compile(rb"[\r\n](?:transfer-encoding|expect|upgrade|origin|connection(?!: keep-alive\r\n))")
REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([\w.-]+)[ \t]*\r", re.IGNORECASE)
UPGRADE = re.compile(rb"\r\nupgrade(?=[ \t]*:)", re.IGNORECASE)


class Slots:
    """Slots for requests of each limited path.

    ``free`` has the app's free slots. An admitted request takes its slot only when the event loop runs
    it. Until then it is counted here, because many requests may be admitted in one iteration.
    """

    def __init__(self, free: Mapping[str, int]) -> None:
        self.free = free
        self.pending: dict[str, int] = {}

    def reserve(self, path: str, loop: AbstractEventLoop) -> bool:
        """Reserve a slot until the loop's next iteration; False if none is free."""
        pending = self.pending.get(path, 0)
        if pending >= self.free.get(path, sys.maxsize):
            return False
        if not self.pending:
            loop.call_soon(self.pending.clear)
        self.pending[path] = pending + 1
        return True


class LimitedHttpProtocol(HttpToolsProtocol):
    """One client's connection; ``on_refusal`` is called with the path of each request refused here."""

    def __init__(self, slots: Slots, on_refusal: Callable[[str], None], **server: Any) -> None:
        super().__init__(**server)
        self.slots = slots
        self.on_refusal = on_refusal
        self.running: RequestResponseCycle | None = (
            None  # what the app is processing; ``cycle`` is the latest
        )
        self.in_request = False  # between the first byte of a request and its last
        self.in_headers = False  # between its first byte and the end of its headers
        self.header_bytes = 0  # of the headers that are arriving, without the latest data
        self.latest_bytes = 0
        self.parse_error = MALFORMED
        self.header_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_header_timer()
        if self.running is not None:
            # uvicorn tells only the latest cycle; the others would write to a closed connection and
            # log a traceback each.
            self.running.disconnected = True
            self.running.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.running = cycle
        if not cycle.waiting_for_100_continue:  # that response's first write is not its head
            cycle.transport = OneWrite(self.transport)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if b"pgrade" in data and (self.in_headers or not self.in_request):
            data = without_upgrade(data)
        start = None if self.in_request else POST.match(data)
        if start is not None:
            path = start[1].decode()
            if not self.slots.reserve(path, self.loop) and self.is_single_request(data):
                self.refuse(path, data)
                return
        self.latest_bytes = len(data)
        super().data_received(data)
        if not self.in_headers:
            self.stop_header_timer()
        elif not self.transport.is_closing():
            if self.header_timer is None:
                self.start_header_timer()
            self.header_bytes += len(data)
            if self.header_bytes > MAX_HEADER_BYTES:
                self.respond_and_close(HEADERS_TOO_LARGE)

    def is_single_request(self, data: bytes) -> bool:
        """Whether ``data`` is exactly one request, and every earlier one of the connection is answered.

        If this is not certain the app decides. A wrong guess of where a request ends would give the
        next one a wrong response, on a connection that a proxy shares among clients.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        end = data.find(b"\r\n\r\n") + 4
        headers = data[:end].lower()
        length = LENGTH.search(headers)
        return (
            length is not None
            and len(data) == end + int(length[1])
            and headers.count(b"content-length") == 1
            and not UNUSUAL.search(headers)
        )

    def refuse(self, path: str, data: bytes) -> None:
        """Answer the request in ``data`` with 429 and keep the connection."""
        self.stop_header_timer()
        sent = REQUEST_ID.search(data, 0, data.find(b"\r\n\r\n") + 2)
        request_id = b"x-request-id: " + accept_or_create(sent[1] if sent else b"") + b"\r\n"
        self._unset_keepalive_if_required()
        defaults = b"".join(
            [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
        )
        self.transport.write(REFUSAL_HEADERS + defaults + request_id + REFUSAL_BODY)
        self.on_refusal(path)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def on_message_begin(self) -> None:
        self.in_request = self.in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # The data may contain more than these headers; their own size is computed only where it matters.
        if self.header_bytes + self.latest_bytes > MAX_HEADER_BYTES and self.header_size() > MAX_HEADER_BYTES:
            self.parse_error = HEADERS_TOO_LARGE
            raise ValueError(self.parse_error.error)  # makes the parser stop
        super().on_headers_complete()
        self.in_headers = False

    def on_message_complete(self) -> None:
        self.in_request = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.running is not None and isinstance(self.running.transport, OneWrite):
            self.running.transport.flush()
        super().on_response_complete()

    def start_header_timer(self) -> None:
        """From now on the headers have HEADER_TIMEOUT_SECONDS to arrive."""
        self.header_bytes = 0
        self.header_timer = self.loop.call_later(HEADER_TIMEOUT_SECONDS, self.transport.close)

    def stop_header_timer(self) -> None:
        """The headers have arrived."""
        if self.header_timer is not None:
            self.header_timer.cancel()
            self.header_timer = None

    def header_size(self) -> int:
        """Bytes of the URL and the headers, without a few of the request line."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when the parser fails."""
        self.respond_and_close(self.parse_error)

    def respond_and_close(self, problem: Problem) -> None:
        """Send an error without the app and close; only close if another response must come first.

        Each request gets exactly one response, its own.
        """
        unanswered = self.running is not None and not self.running.response_complete
        in_body = self.in_request and not self.in_headers  # the body of ``self.cycle``
        own = unanswered and in_body and self.cycle is self.running and not self.cycle.response_started
        if unanswered and not own:
            self.cycle.keep_alive = False  # the connection closes after this last response
            return
        if own:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if own or not in_body:
            self.transport.write(
                status_and_headers(problem) + b"connection: close\r\n\r\n" + problem.response().body
            )
        self.transport.close()


def status_and_headers(problem: Problem) -> bytes:
    """Status line and headers of an error response."""
    lines = [name + b": " + value + b"\r\n" for name, value in problem.response().raw_headers]
    return STATUS_LINE[problem.status] + b"".join(lines)


def without_upgrade(data: bytes) -> bytes:
    """``data`` with the Upgrade header, if its headers have one, renamed: only HTTP/1.1 is spoken here.

    Java's HttpClient offers HTTP/2 with each request, and the parser would then drop the body.
    """
    headers, end, rest = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"\r\nignored", headers) + end + rest


MALFORMED = Problem(400, "this is not a valid HTTP/1.1 request")
HEADERS_TOO_LARGE = Problem(431, f"the request line and headers are larger than {MAX_HEADER_BYTES:,} bytes")

REFUSAL_HEADERS = status_and_headers(Problem(429))
REFUSAL_BODY = b"\r\n" + bytes(Problem(429).response().body)


def install(receive: Receive, free: Mapping[str, int], on_refusal: Callable[[str], None]) -> None:
    """Make the server that ``receive`` of a lifespan scope belongs to use ``LimitedHttpProtocol``.

    BentoML creates uvicorn's configuration without a hook for this; uvicorn looks the protocol up in it
    for each connection. Other servers and protocols are left alone, and the app refuses requests itself.
    """
    lifespan = getattr(receive, "__self__", None)
    if isinstance(lifespan, LifespanOn) and lifespan.config.http_protocol_class is HttpToolsProtocol:
        lifespan.config.http_protocol_class = partial(LimitedHttpProtocol, Slots(free), on_refusal)  # type: ignore[assignment]
