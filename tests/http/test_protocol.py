"""What ``weather/http/protocol.py`` relies on of uvicorn, its parts, and the real service under overload."""

from __future__ import annotations

import asyncio
import inspect
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from loadtest.serving import served
from tests.end_to_end.test_wire import GOOD, HOST, PATIENCE, Answer, connected, post
from weather.http import protocol
from weather.http.problems import MESSAGES
from weather.http.protocol import LimitedHttpProtocol, Slots, install, without_upgrade

# When an upgrade of uvicorn breaks one of the next five, compare weather/http/protocol.py with it.


def test_the_protocol_has_the_methods_that_are_overridden_or_called() -> None:
    parameters = {
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "on_message_begin": ["self"],
        "on_headers_complete": ["self"],
        "on_message_complete": ["self"],
        "send_400_response": ["self", "msg"],
        "timeout_keep_alive_handler": ["self"],
        "_start_asgi_task": ["self", "cycle", "app"],
        "_unset_keepalive_if_required": ["self"],
    }
    for name, expected in parameters.items():
        assert list(inspect.signature(getattr(HttpToolsProtocol, name)).parameters) == expected, name


def test_the_protocol_and_its_cycles_have_the_attributes_that_are_used() -> None:
    made = inspect.getsource(HttpToolsProtocol.__init__)
    for name in ("loop", "cycle", "headers", "server_state", "transport", "timeout_keep_alive"):
        assert re.search(rf"self\.{name}\b.* = ", made), name
    assert "self.url = " in inspect.getsource(HttpToolsProtocol.on_message_begin)
    made = inspect.getsource(RequestResponseCycle.__init__)
    for name in ("disconnected", "keep_alive", "message_event", "response_started", "response_complete"):
        assert re.search(rf"self\.{name}\b.* = ", made), name
    assert "if self.disconnected:\n            return" in inspect.getsource(RequestResponseCycle.send)
    assert STATUS_LINE[429] == b"HTTP/1.1 429 Too Many Requests\r\n"


def test_whatever_the_parser_refuses_goes_through_send_400_response() -> None:
    received = inspect.getsource(HttpToolsProtocol.data_received)
    assert "except httptools.HttpParserError:" in received
    assert "self.send_400_response(" in received


def test_every_request_is_started_by_the_one_method() -> None:
    source = inspect.getsource(HttpToolsProtocol)
    assert source.count("run_asgi(") == inspect.getsource(HttpToolsProtocol._start_asgi_task).count(
        "run_asgi("
    )


def test_a_lifespans_receive_leads_to_the_configuration_that_each_connection_asks() -> None:
    """See also ``test_requests_beyond_the_places_get_a_429`` for all of it on the real service."""
    config = Config(lambda: None, http="httptools", log_config=None)
    config.load()
    lifespan = LifespanOn(config)
    assert cast(Any, lifespan.receive).__self__ is lifespan
    install(cast(Receive, lifespan.receive), {}, lambda _: None)
    made = cast(Any, config.http_protocol_class)
    assert made.func is LimitedHttpProtocol
    startup = inspect.getsource(Server.startup)
    assert "return config.http_protocol_class(" in startup
    assert startup.index("await self.lifespan.startup()") < startup.index("create_server")


def test_another_protocol_or_server_is_left_alone() -> None:
    config = Config(lambda: None, http="h11", log_config=None)
    config.load()
    before = config.http_protocol_class
    install(cast(Receive, LifespanOn(config).receive), {}, lambda _: None)
    assert config.http_protocol_class is before

    async def receive() -> Any:
        raise AssertionError

    install(receive, {}, lambda _: None)


def test_those_let_in_count_until_the_loops_next_turn() -> None:
    async def let_in() -> list[bool]:
        slots = Slots({"/predict": 2})
        loop = asyncio.get_running_loop()
        found = [slots.reserve("/predict", loop) for _ in range(3)]
        await asyncio.sleep(0)
        return [*found, slots.reserve("/predict", loop)]

    assert asyncio.run(let_in()) == [True, True, False, True]


def test_places_follow_what_the_app_has_free_and_are_by_path() -> None:
    async def let_in() -> list[bool]:
        free = {"/predict": 0, "/predict_batch": 1}
        slots = Slots(free)
        loop = asyncio.get_running_loop()
        found = [slots.reserve(path, loop) for path in ("/predict", "/predict_batch", "/metrics", "/metrics")]
        free["/predict"] = 1
        return [*found, slots.reserve("/predict", loop)]

    assert asyncio.run(let_in()) == [False, True, True, True, True]


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class Visit:
    """A connection to a door of our own, and the paths that were refused at it."""

    def __init__(self, free: int = 0) -> None:
        self.refused: list[str] = []
        config = Config(app, http="httptools", lifespan="off", log_config=None)
        config.load()
        self.transport = Transport()
        self.door = LimitedHttpProtocol(
            Slots({"/predict": free}),
            self.refused.append,
            config=config,
            server_state=Server(config).server_state,
            app_state={},
        )
        self.door.connection_made(self.transport)

    def says(self, data: bytes) -> bytes:
        """What is written at once in return."""
        before = len(self.transport.written)
        self.door.data_received(data)
        return self.transport.written[before:]


def visited(visit: Callable[[Visit], object], free: int = 0) -> Visit:
    """After ``visit`` in an event loop."""

    async def go() -> Visit:
        visitor = Visit(free)
        visit(visitor)
        visitor.door.connection_lost(None)
        return visitor

    return asyncio.run(go())


def test_one_whole_request_is_refused_at_the_door() -> None:
    for request in (
        post(),
        post(headers=b"Connection: keep-alive\r\n"),
        post().replace(b"Content-Length:", b"CONTENT-LENGTH:  "),
    ):
        visitor = visited(lambda visitor, request=request: visitor.says(request))  # type: ignore[misc]
        assert visitor.transport.written.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b"\r\nretry-after: 1\r\n" in visitor.transport.written
        assert visitor.refused == ["/predict"]


def test_a_refusal_has_the_id_of_its_request_or_a_new_one() -> None:
    def written(headers: bytes = b"", body: bytes = GOOD) -> bytes:
        request = post(headers=headers).replace(GOOD, body)
        return visited(lambda visitor: visitor.says(request)).transport.written

    assert b"\r\nx-request-id: Ab-9._\r\n" in written(b"X-Request-ID: Ab-9._ \r\n")
    for headers in (b"", b"X-Request-ID: a b\r\n", b"X-Request-ID: " + b"x" * 129 + b"\r\n"):
        made = re.search(rb"\r\nx-request-id: ([0-9a-f]{16}-[0-9a-f]+)\r\n", written(headers))
        assert made, headers
    inside = b"\r\nx-request-id: inner\r\n".ljust(len(GOOD))
    assert b"inner" not in written(body=inside)


@pytest.mark.parametrize(
    "request_",
    [
        post()[:-1],
        post() + b"X",
        post() + post(),
        post()[:60],
        post(headers=b"Content-Length: %d\r\n" % len(GOOD)),
        post(headers=b"Content-Length : 0\r\n"),
        post(headers=b"Transfer-Encoding: chunked\r\n"),
        post(headers=b"transfer-encoding:\r\n chunked\r\n"),
        post(headers=b"X: y\nTransfer-Encoding: chunked\r\n"),
        post(headers=b"X: y\rTransfer-Encoding: chunked\r\n"),
        post(headers=b"Expect: 100-continue\r\n"),
        post(headers=b"Connection: close\r\n"),
        post(headers=b"Connection: Keep-Alive, close\r\n"),
        post().replace(b"HTTP/1.1", b"HTTP/1.0"),
        post().replace(b"%d" % len(GOOD), b"0x10"),
        post().replace(b"%d" % len(GOOD), b"9" * 5000),
        b"POST /predict HTTP/1.1\r\n" + HOST + b"\r\n",
        b" " + post(),
        b"\r\n" + post(),
        post(path=b"/predict?x=1"),
        post().replace(b"POST", b"GET"),
    ],
    ids=lambda request: repr(request[:70])[-40:],
)
def test_anything_else_is_the_apps_to_judge(request_: bytes) -> None:
    visitor = visited(lambda visitor: visitor.says(request_))
    assert b" 429 " not in visitor.transport.written
    assert not visitor.refused


def test_with_a_place_the_app_answers() -> None:
    async def go() -> bytes:
        visitor = Visit(free=1)
        visitor.says(post())
        while not visitor.transport.written:
            await asyncio.sleep(0)
        return visitor.transport.written

    assert asyncio.run(go()).startswith(b"HTTP/1.1 204 ")


def test_nobody_is_refused_while_an_earlier_request_of_theirs_is_unanswered() -> None:
    def visit(visitor: Visit) -> None:
        assert visitor.says(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n") == b""
        assert visitor.says(post()) == b"", "the app's turn, after the first"

    assert not visited(visit).refused


def test_a_body_that_looks_like_a_request_is_a_body() -> None:
    def visit(visitor: Visit) -> None:
        head = b"POST /other HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(post())
        assert visitor.says(head) == b""
        assert visitor.says(post()) == b""

    assert not visited(visit).refused


def test_an_offer_of_another_protocol_is_taken_out_of_heads_only() -> None:
    assert without_upgrade(b"GET / HTTP/1.1\r\nUpgrade : h2c\r\nX-Upgrade: 1\r\n\r\n\r\nupgrade: 1") == (
        b"GET / HTTP/1.1\r\nignored : h2c\r\nX-Upgrade: 1\r\n\r\n\r\nupgrade: 1"
    )


def test_a_head_has_its_time_and_then_the_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_TIMEOUT_SECONDS", 0.05)

    async def closes(*pieces: bytes) -> bool:
        visitor = Visit(free=99)
        for piece in pieces:
            visitor.says(piece)
            await asyncio.sleep(0.01)
        timers = visitor.door.header_timer is not None
        if timers:
            while not visitor.transport.closing:
                await asyncio.sleep(0.01)
        return timers

    assert asyncio.run(closes()), "nothing at all"
    assert asyncio.run(closes(b"POST /pre", b"dict HTTP"))
    assert asyncio.run(closes(post(), post()[:30])), "the second head"
    assert not asyncio.run(closes(post())), "between requests uvicorn's own timer runs"
    assert not asyncio.run(closes(post()[:-1])), "bodies have Deadline"
    assert not asyncio.run(closes(post()[:30], post()[30:]))


@pytest.fixture(scope="module")
def narrow(bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with one place, whose log in the end holds no traceback."""
    # A home of its own: a service that starts clears the metrics of the others in its home.
    home = shutil.copytree(bentoml_home, tmp_path_factory.mktemp("narrow") / "home")
    file = home / "log"
    options = "services.rain_forecast.traffic.max_concurrency=1"
    with (
        file.open("wb") as log,
        served(home, env={"BENTOML_CONFIG_OPTIONS": options}, log=log) as url,
    ):
        yield url
    assert "Traceback" not in file.read_text()


@contextmanager
def crowd(url: str, size: int = 8) -> Iterator[Counter[int]]:
    """Others who ask all the time, each on one connection; the statuses of what they got, in the end."""
    statuses: Counter[int] = Counter()
    enough = threading.Event()

    def ask() -> Counter[int]:
        found: Counter[int] = Counter()
        with connected(url) as wire:
            while not enough.is_set():
                wire.send(post())
                found[checked(wire.answer()).status] += 1
        return found

    with ThreadPoolExecutor(size) as pool:
        asking = [pool.submit(ask) for _ in range(size)]
        try:
            yield statuses
        finally:
            enough.set()
            statuses.update(sum((each.result() for each in asking), Counter()))


def checked(answer: Answer) -> Answer:
    """A forecast, or a complete refusal."""
    if answer.status == 429:
        assert answer.problem() == MESSAGES[429]
        assert answer.headers["retry-after"] == "1"
    else:
        assert answer.forecast().keys() == {"prediction", "probability"}
    return answer


def counted(url: str, series: str) -> float:
    """A figure of /predict in /metrics."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    start = f"bentoml_service_request_{series}"
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


REFUSED = 'total{endpoint="/predict",http_response_code="429"'
IN_PROGRESS = 'in_progress{endpoint="/predict"'


def test_requests_beyond_the_places_get_a_429_on_connections_that_stay_and_are_counted(narrow: str) -> None:
    seen: Counter[int] = Counter()
    before = counted(narrow, REFUSED)
    with connected(narrow) as wire, crowd(narrow) as others:
        while not (seen[200] and seen[429]):
            wire.send(post())
            seen[checked(wire.answer()).status] += 1
    assert counted(narrow, REFUSED) - before == seen[429] + others[429]


def test_under_overload_each_request_gets_one_answer_however_it_comes(narrow: str) -> None:
    whole, bad = post(), post(b"{}")
    with crowd(narrow), connected(narrow) as wire:
        for _ in range(30):
            for pieces in ([whole[:9], whole[9:]], [whole[:-5], whole[-5:]], [whole], [b"\r\n", whole]):
                wire.send(*pieces)
                checked(wire.answer())
            wire.send(bad)
            assert wire.answer().status in (400, 429)
            wire.send(whole * 3 + bad + b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n" + whole)
            for _ in range(3):
                checked(wire.answer())
            assert wire.answer().status in (400, 429)
            assert wire.answer("GET").status == 200, "probes are never refused"
            checked(wire.answer())
        assert wire.quiet()


def test_clients_that_leave_with_several_answers_due_free_the_place(narrow: str) -> None:
    for rudely in (False, True) * 10:
        with connected(narrow) as wire:
            wire.send(post() * 20)
            if rudely:
                wire.reset()
    with connected(narrow) as wire:
        wire.send(post())
        while checked(wire.answer()).status != 200:
            wire.send(post())


def test_bodies_that_never_end_take_no_place_and_are_forgotten_when_their_clients_leave(narrow: str) -> None:
    with ExitStack() as slow:
        for _ in range(30):
            slow.enter_context(connected(narrow)).send(post(b" " * 16_000)[:-50])
        until(lambda: counted(narrow, IN_PROGRESS) == 30)
        with connected(narrow) as wire:
            wire.send(post())
            assert checked(wire.answer()).status == 200
    until(lambda: counted(narrow, IN_PROGRESS) == 0)
