"""What happens to a request before the app sees it, in a subclass of uvicorn's HTTP protocol.

Refusing through the app costs a quarter of a forecast, whatever the app does: that is what uvicorn
needs to hand over any request. At three times the load that can be served, refusals then eat half
of the processor. Refused here they cost a fifth of that (docs/operations.md, overload).

While at it: a head may not be endless in bytes or in time, which uvicorn doesn't see to, and what
is no HTTP gets the one error shape. ``tests/test_frontdoor.py`` fails loudly when an upgrade of
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
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from weather.problems import Problem
from weather.settings import HEAD_SECONDS, MOST_HEAD_BYTES

POST = re.compile(rb"POST (/\w+) HTTP/1\.1\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+) *\r\n")
UNUSUAL = re.compile(rb"\r\n(?:transfer-encoding|expect|connection|upgrade) *:")


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
        self.inside = False  # between a request's first byte and its last
        self.heading = False  # between its first byte and the end of its head
        self.head_bytes = 0
        self.head_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.head_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        start = None if self.inside else POST.match(data)
        if start is not None:
            path = start[1].decode()
            if not self.places.let_in(path, self.loop) and self.one_request(data):
                self.refuse(path)
                return
        super().data_received(data)
        if not self.heading:
            self.head_done()
        elif not self.transport.is_closing():
            if self.head_timer is None:
                self.await_head()
            self.head_bytes += len(data)
            if self.head_bytes > MOST_HEAD_BYTES:
                self.send(Problem(431, f"the head is larger than {MOST_HEAD_BYTES:,} bytes"))

    def one_request(self, data: bytes) -> bool:
        """Whether ``data`` is one whole request and nothing else, and none before it is unanswered.

        Where this isn't certain the app decides: a wrong guess about where a request ends would
        give the next one's sender a wrong answer, on a connection that a proxy shares.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        end = data.find(b"\r\n\r\n") + 4
        head = data[:end].lower()
        lengths = LENGTH.findall(head)
        return len(lengths) == 1 and len(data) == end + int(lengths[0]) and not UNUSUAL.search(head)

    def refuse(self, path: str) -> None:
        """429, and the connection stays."""
        self.head_done()
        self._unset_keepalive_if_required()
        date = b"".join([name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers])
        self.transport.write(REFUSAL_HEAD + date + REFUSAL_BODY)
        self.refused(path)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def on_message_begin(self) -> None:
        self.inside = self.heading = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.heading = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.inside = False
        super().on_message_complete()

    def await_head(self) -> None:
        """From now on a head has HEAD_SECONDS to come."""
        self.head_bytes = 0
        self.head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def head_done(self) -> None:
        """The head has come."""
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls this for what is no HTTP."""
        self.send(Problem(400, "this is not an HTTP/1.1 request"))

    def send(self, problem: Problem) -> None:
        """Answer without the app, and close."""
        self.transport.write(head(problem) + b"connection: close\r\n\r\n" + problem.response().body)
        self.transport.close()


def head(problem: Problem) -> bytes:
    """Status line and headers of an answer."""
    lines = [name + b": " + value + b"\r\n" for name, value in problem.response().raw_headers]
    return STATUS_LINE[problem.status] + b"".join(lines)


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
