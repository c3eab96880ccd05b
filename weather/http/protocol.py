"""What happens to a request before the app sees it, in a subclass of uvicorn's HTTP protocol.

Refusing through the app costs a quarter of a forecast, whatever the app does: that is what uvicorn
needs to hand over any request. At three times the load that can be served, refusals then eat half
of the processor. Refused here they cost a fifth of that (docs/operations.md, overload).

While at it: a head may not be endless in bytes or in time, which uvicorn doesn't see to, and what
is no HTTP gets the one error shape. ``tests/http/test_protocol.py`` fails loudly when an upgrade of
uvicorn changes what is relied on here.
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
from weather.http.problems import Problem
from weather.telemetry.request_id import accepted_or_made

POST = re.compile(rb"POST (/\w+) HTTP/1\.1\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9}) *\r\n")
UNUSUAL = re.compile(rb"[\r\n](?:transfer-encoding|expect|upgrade|connection(?!: keep-alive\r\n))")
REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([\w.-]+)[ \t]*\r", re.IGNORECASE)
UPGRADE = re.compile(rb"\r\nupgrade(?=[ \t]*:)", re.IGNORECASE)


class Places:
    """How many requests of each limited path may still be let in.

    ``free`` has what the app can take. Whoever is let in takes a place there only when the event
    loop comes to it, with many behind it in the same turn, so they are counted here until then.
    """

    def __init__(self, free: Mapping[str, int]) -> None:
        self.free = free
        self.coming: dict[str, int] = {}

    def let_in(self, path: str, loop: AbstractEventLoop) -> bool:
        """Whether there is a place; if so it is as good as taken."""
        coming = self.coming.get(path, 0)
        if coming >= self.free.get(path, sys.maxsize):
            return False
        if not self.coming:
            loop.call_soon(self.coming.clear)
        self.coming[path] = coming + 1
        return True


class FrontDoor(HttpToolsProtocol):
    """One client's connection; ``refused`` is called with the path of a request that got a 429 here."""

    def __init__(self, places: Places, refused: Callable[[str], None], **server: Any) -> None:
        super().__init__(**server)
        self.places = places
        self.refused = refused
        self.running: RequestResponseCycle | None = None  # what the app is busy with; ``cycle`` came last
        self.inside = False  # between a request's first byte and its last
        self.heading = False  # between its first byte and the end of its head
        self.head_bytes = 0  # of the head that is coming, without the last piece
        self.last_piece = 0
        self.fault = NO_HTTP
        self.head_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.head_done()
        if self.running is not None:
            # uvicorn tells this to the last one only; the others then write to nobody: a traceback each.
            self.running.disconnected = True
            self.running.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if b"pgrade" in data and (self.heading or not self.inside):
            data = without_upgrade(data)
        start = None if self.inside else POST.match(data)
        if start is not None:
            path = start[1].decode()
            if not self.places.let_in(path, self.loop) and self.one_request(data):
                self.refuse(path, data)
                return
        self.last_piece = len(data)
        super().data_received(data)
        if not self.heading:
            self.head_done()
        elif not self.transport.is_closing():
            if self.head_timer is None:
                self.await_head()
            self.head_bytes += len(data)
            if self.head_bytes > MAX_HEADER_BYTES:
                self.send(HEAD_TOO_LARGE)

    def one_request(self, data: bytes) -> bool:
        """Whether ``data`` is one whole request and nothing else, and none before it is unanswered.

        Where this isn't certain the app decides: a wrong guess about where a request ends would
        give the next one's sender a wrong answer, on a connection that a proxy shares.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        end = data.find(b"\r\n\r\n") + 4
        head = data[:end].lower()
        length = LENGTH.search(head)
        return (
            length is not None
            and len(data) == end + int(length[1])
            and head.count(b"content-length") == 1
            and not UNUSUAL.search(head)
        )

    def refuse(self, path: str, data: bytes) -> None:
        """429 to the request that ``data`` is, and the connection stays."""
        self.head_done()
        given = REQUEST_ID.search(data, 0, data.find(b"\r\n\r\n") + 2)
        name = b"x-request-id: " + accepted_or_made(given[1] if given else b"") + b"\r\n"
        self._unset_keepalive_if_required()
        date = b"".join([name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers])
        self.transport.write(REFUSAL_HEAD + date + name + REFUSAL_BODY)
        self.refused(path)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def on_message_begin(self) -> None:
        self.inside = self.heading = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # The pieces may have held more than this head; its own size is looked at only where it matters.
        if self.head_bytes + self.last_piece > MAX_HEADER_BYTES and self.head_size() > MAX_HEADER_BYTES:
            self.fault = HEAD_TOO_LARGE
            raise ValueError(self.fault.error)  # for the parser, which then takes no more
        super().on_headers_complete()
        self.heading = False

    def on_message_complete(self) -> None:
        self.inside = False
        super().on_message_complete()

    def await_head(self) -> None:
        """From now on a head has HEADER_TIMEOUT_SECONDS to come."""
        self.head_bytes = 0
        self.head_timer = self.loop.call_later(HEADER_TIMEOUT_SECONDS, self.transport.close)

    def head_done(self) -> None:
        """The head has come."""
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def head_size(self) -> int:
        """Bytes of the head that has come, but for its first and last few."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls this when the parser takes no more."""
        self.send(self.fault)

    def send(self, problem: Problem) -> None:
        """Answer without the app, and close; or only close: each request gets one answer, its own."""
        waiting = self.running is not None and not self.running.response_complete
        broken = self.inside and not self.heading  # a body, that of ``self.cycle``
        own = waiting and broken and self.cycle is self.running and not self.cycle.response_started
        if waiting and not own:
            self.cycle.keep_alive = False  # once this last one is answered it closes
            return
        if own:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if own or not broken:
            self.transport.write(head(problem) + b"connection: close\r\n\r\n" + problem.response().body)
        self.transport.close()


def head(problem: Problem) -> bytes:
    """Status line and headers of an answer."""
    lines = [name + b": " + value + b"\r\n" for name, value in problem.response().raw_headers]
    return STATUS_LINE[problem.status] + b"".join(lines)


def without_upgrade(data: bytes) -> bytes:
    """A head, or a piece of one, that asks for no other protocol: there is none here.

    Java's HttpClient offers HTTP/2 with each request, and the parser then drops the body.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"\r\nignored", head) + end + rest


NO_HTTP = Problem(400, "this is not an HTTP/1.1 request")
HEAD_TOO_LARGE = Problem(431, f"the head is larger than {MAX_HEADER_BYTES:,} bytes")

REFUSAL_HEAD = head(Problem(429))
REFUSAL_BODY = b"\r\n" + bytes(Problem(429).response().body)


def install(receive: Receive, free: Mapping[str, int], refused: Callable[[str], None]) -> None:
    """Put the door into the server that ``receive`` of a lifespan scope belongs to.

    BentoML makes uvicorn's configuration and gives nobody a hand in it; uvicorn looks the protocol
    up in it for each connection. Under another server there is no door, and the app refuses.
    """
    lifespan = getattr(receive, "__self__", None)
    if isinstance(lifespan, LifespanOn) and lifespan.config.http_protocol_class is HttpToolsProtocol:
        lifespan.config.http_protocol_class = partial(FrontDoor, Places(free), refused)  # type: ignore[assignment]
