"""``weather/http/protocol.py``: what it relies on in uvicorn, its parts, the real service under overload."""

from __future__ import annotations

import asyncio
import inspect
import re
import shutil
import threading
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
from tests.end_to_end.test_wire import GOOD, HOST, Answer, connected, post
from tests.waiting import until
from weather.http import protocol
from weather.http.problems import MESSAGES
from weather.http.protocol import LimitedHttpProtocol, Slots, install, without_upgrade

# If an upgrade of uvicorn breaks one of the next five tests, compare weather/http/protocol.py with it.


def test_the_protocol_has_the_methods_that_are_overridden_or_called() -> None:
    parameters = {
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "on_message_begin": ["self"],
        "on_headers_complete": ["self"],
        "on_message_complete": ["self"],
        "on_response_complete": ["self"],
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
    for name in (
        "disconnected",
        "keep_alive",
        "message_event",
        "response_started",
        "response_complete",
        "transport",
        "waiting_for_100_continue",
    ):
        assert re.search(rf"self\.{name}\b.* = ", made), name
    assert "if self.disconnected:\n            return" in inspect.getsource(RequestResponseCycle.send)
    assert STATUS_LINE[429] == b"HTTP/1.1 429 Too Many Requests\r\n"


def test_parser_errors_call_send_400_response() -> None:
    received = inspect.getsource(HttpToolsProtocol.data_received)
    assert "except httptools.HttpParserError:" in received
    assert "self.send_400_response(" in received


def test_every_request_is_started_by_start_asgi_task() -> None:
    source = inspect.getsource(HttpToolsProtocol)
    assert source.count("run_asgi(") == inspect.getsource(HttpToolsProtocol._start_asgi_task).count(
        "run_asgi("
    )


def test_receive_of_a_lifespan_scope_gives_access_to_the_configuration_of_connections() -> None:
    """``test_requests_beyond_the_limit_get_a_429_and_are_counted`` tests the whole on the real service."""
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


def test_other_protocols_and_servers_are_left_alone() -> None:
    config = Config(lambda: None, http="h11", log_config=None)
    config.load()
    before = config.http_protocol_class
    install(cast(Receive, LifespanOn(config).receive), {}, lambda _: None)
    assert config.http_protocol_class is before

    async def receive() -> Any:
        raise AssertionError

    install(receive, {}, lambda _: None)


def test_reservations_count_until_the_next_iteration_of_the_loop() -> None:
    async def reserve() -> list[bool]:
        slots = Slots({"/predict": 2})
        loop = asyncio.get_running_loop()
        found = [slots.reserve("/predict", loop) for _ in range(3)]
        await asyncio.sleep(0)
        return [*found, slots.reserve("/predict", loop)]

    assert asyncio.run(reserve()) == [True, True, False, True]


def test_reservations_are_limited_by_the_free_slots_of_their_path() -> None:
    async def reserve() -> list[bool]:
        free = {"/predict": 0, "/predict_batch": 1}
        slots = Slots(free)
        loop = asyncio.get_running_loop()
        found = [slots.reserve(path, loop) for path in ("/predict", "/predict_batch", "/metrics", "/metrics")]
        free["/predict"] = 1
        return [*found, slots.reserve("/predict", loop)]

    assert asyncio.run(reserve()) == [False, True, True, True, True]


class Transport(asyncio.Transport):
    """Records what is written."""

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


class Connection:
    """A connection to a LimitedHttpProtocol, and the paths refused on it."""

    def __init__(self, free: int = 0) -> None:
        self.refused: list[str] = []
        config = Config(app, http="httptools", lifespan="off", log_config=None)
        config.load()
        self.transport = Transport()
        self.protocol = LimitedHttpProtocol(
            Slots({"/predict": free}),
            self.refused.append,
            config=config,
            server_state=Server(config).server_state,
            app_state={},
        )
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> bytes:
        """Receive ``data``; returns what is written immediately."""
        before = len(self.transport.written)
        self.protocol.data_received(data)
        return self.transport.written[before:]


def connected_to(use: Callable[[Connection], object], free: int = 0) -> Connection:
    """The connection after ``use(connection)`` in an event loop."""

    async def go() -> Connection:
        connection = Connection(free)
        use(connection)
        connection.protocol.connection_lost(None)
        return connection

    return asyncio.run(go())


def test_a_single_complete_request_is_refused_without_the_app() -> None:
    for request in (
        post(),
        post(headers=b"Connection: keep-alive\r\n"),
        post().replace(b"Content-Length:", b"CONTENT-LENGTH:  "),
    ):
        connection = connected_to(lambda connection, request=request: connection.send(request))  # type: ignore[misc]
        assert connection.transport.written.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b"\r\nretry-after: 1\r\n" in connection.transport.written
        assert connection.refused == ["/predict"]


def test_a_refusal_has_the_request_id_or_a_new_one() -> None:
    def written(headers: bytes = b"", body: bytes = GOOD) -> bytes:
        request = post(headers=headers).replace(GOOD, body)
        return connected_to(lambda connection: connection.send(request)).transport.written

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
        post(headers=b"Origin: https://example.org\r\n"),
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
def test_everything_else_is_passed_to_the_app(request_: bytes) -> None:
    connection = connected_to(lambda connection: connection.send(request_))
    assert b" 429 " not in connection.transport.written
    assert not connection.refused


def test_with_a_free_slot_the_app_answers() -> None:
    async def go() -> bytes:
        connection = Connection(free=1)
        connection.send(post())
        while not connection.transport.written:
            await asyncio.sleep(0)
        return connection.transport.written

    assert asyncio.run(go()).startswith(b"HTTP/1.1 204 ")


def test_a_pipelined_request_is_passed_to_the_app_while_an_earlier_one_is_unanswered() -> None:
    def use(connection: Connection) -> None:
        assert connection.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n") == b""
        assert connection.send(post()) == b"", "the app answers it after the first"

    assert not connected_to(use).refused


def test_a_body_that_looks_like_a_request_is_treated_as_a_body() -> None:
    def use(connection: Connection) -> None:
        head = b"POST /other HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(post())
        assert connection.send(head) == b""
        assert connection.send(post()) == b""

    assert not connected_to(use).refused


def test_the_upgrade_header_is_renamed_in_headers_only() -> None:
    assert without_upgrade(b"GET / HTTP/1.1\r\nUpgrade : h2c\r\nX-Upgrade: 1\r\n\r\n\r\nupgrade: 1") == (
        b"GET / HTTP/1.1\r\nignored : h2c\r\nX-Upgrade: 1\r\n\r\n\r\nupgrade: 1"
    )


def test_the_connection_is_closed_when_headers_do_not_arrive_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_TIMEOUT_SECONDS", 0)

    async def closes(*pieces: bytes) -> bool:
        connection = Connection(free=99)
        for piece in pieces:
            connection.send(piece)  # before the event loop can look at the timer
        timers = connection.protocol.header_timer is not None
        while timers and not connection.transport.closing:
            await asyncio.sleep(0)
        return timers

    assert asyncio.run(closes()), "no data at all"
    assert asyncio.run(closes(b"POST /pre", b"dict HTTP"))
    assert asyncio.run(closes(post(), post()[:30])), "headers of the second request"
    assert not asyncio.run(closes(post())), "between requests uvicorn's keep-alive timer applies"
    assert not asyncio.run(closes(post()[:-1])), "the body is limited by Deadline"
    assert not asyncio.run(closes(post()[:30], post()[30:]))


@pytest.fixture(scope="module")
def narrow(bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with one slot; at the end its log has no traceback."""
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
def overload(url: str, size: int = 8) -> Iterator[Counter[int]]:
    """Other clients, each sending requests on one connection; at the end the statuses they got."""
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
    """Check that a response is a forecast or a complete 429."""
    if answer.status == 429:
        assert answer.problem() == MESSAGES[429]
        assert answer.headers["retry-after"] == "1"
    else:
        assert answer.forecast().keys() == {"prediction", "probability"}
    return answer


def counted(url: str, series: str) -> float:
    """The sum of a series of /predict in /metrics."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    start = f"bentoml_service_request_{series}"
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))


REFUSED = 'total{endpoint="/predict",http_response_code="429"'
IN_PROGRESS = 'in_progress{endpoint="/predict"'


def test_requests_beyond_the_limit_get_a_429_and_are_counted(narrow: str) -> None:
    seen: Counter[int] = Counter()
    before = counted(narrow, REFUSED)
    with connected(narrow) as wire, overload(narrow) as others:
        while not (seen[200] and seen[429]):
            wire.send(post())
            seen[checked(wire.answer()).status] += 1
    assert counted(narrow, REFUSED) - before == seen[429] + others[429]


def test_under_overload_each_request_gets_exactly_one_response(narrow: str) -> None:
    whole, bad = post(), post(b"{}")
    with overload(narrow), connected(narrow) as wire:
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


def test_clients_that_disconnect_with_pipelined_requests_release_the_slot(narrow: str) -> None:
    for reset in (False, True) * 10:
        with connected(narrow) as wire:
            wire.send(post() * 20)
            if reset:
                wire.reset()
    with connected(narrow) as wire:
        wire.send(post())
        while checked(wire.answer()).status != 200:
            wire.send(post())


def test_incomplete_bodies_hold_no_slot_and_end_when_their_clients_disconnect(narrow: str) -> None:
    with ExitStack() as slow:
        for _ in range(30):
            slow.enter_context(connected(narrow)).send(post(b" " * 16_000)[:-50])
        until(lambda: counted(narrow, IN_PROGRESS) == 30)
        with connected(narrow) as wire:
            wire.send(post())
            assert checked(wire.answer()).status == 200
    until(lambda: counted(narrow, IN_PROGRESS) == 0)
