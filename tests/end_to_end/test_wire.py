"""Requests as bytes: slow, broken, hostile. The service answers each once or closes the connection, and
keeps answering other clients.
"""

from __future__ import annotations

import json
import socket
import struct
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from loadtest.stations import observation
from tests.conftest import EXAMPLE
from tests.fixtures.contract import FIRST, with_token
from tests.waiting import PATIENCE
from weather.http.limits import MAX_HEADER_BYTES

QUIET = 0.05
"""Seconds within which an unexpected response would arrive."""

GOOD = json.dumps(EXAMPLE).encode()
HOST = b"Host: x\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"


def post(body: bytes = GOOD, headers: bytes = b"", path: bytes = b"/predict") -> bytes:
    """A complete request."""
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\n" + JSON + headers + length + b"\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def forecast(self) -> dict[str, Any]:
        assert self.status == 200, self
        found: dict[str, Any] = json.loads(self.body)
        return found

    def problem(self) -> str:
        """The sentence of an error response."""
        assert self.status >= 400, self
        assert self.headers["content-type"] == "application/json"
        found = json.loads(self.body)
        assert found.keys() == {"error", "detail"}
        assert isinstance(found["detail"], list)
        return str(found["error"])


class Wire:
    """One connection."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.socket = socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def answer(self, to: str = "POST") -> Answer:
        """The next response."""
        start = self.stream.readline()
        assert start.startswith(b"HTTP/1.1 "), start
        headers = {}
        while (line := self.stream.readline()) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if to == "HEAD" else int(headers.get("content-length", 0))
        return Answer(int(start.split()[1]), headers, self.stream.read(length))

    def closed(self) -> bool:
        """Whether the service closes the connection."""
        with suppress(ConnectionResetError):
            return self.stream.read(1) == b""
        return True

    def quiet(self) -> bool:
        """Whether no more data arrives within QUIET seconds."""
        self.socket.settimeout(QUIET)
        try:
            return self.closed()
        except TimeoutError:
            return True

    def reset(self) -> None:
        """Close with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def connected(url: str) -> Iterator[Wire]:
    wire = Wire(url)
    with wire.socket, wire.stream:
        yield wire


def one(url: str, *parts: bytes, to: str = "POST") -> Answer:
    """The response to one request on a new connection; checks that there is no second one."""
    with connected(url) as wire:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have heard enough
            wire.send(*parts)
        answer = wire.answer(to)
        assert wire.quiet(), "more answers than requests"
        return answer


def refused(url: str, *parts: bytes, status: int = 400) -> str:
    """The sentence of an error after which the service closes the connection."""
    with connected(url) as wire:
        with suppress(BrokenPipeError, ConnectionResetError):
            wire.send(*parts)
        answer = wire.answer()
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert wire.closed()
        return answer.problem()


def forecast(url: str, body: bytes = GOOD) -> dict[str, Any]:
    """The forecast for one valid record."""
    with connected(url) as wire:
        wire.send(post(body))
        return wire.answer().forecast()


@pytest.fixture(scope="module")
def expected(url: str) -> dict[str, Any]:
    return forecast(url)


@pytest.fixture(autouse=True)
def still_right(url: str, expected: dict[str, Any]) -> Iterator[None]:
    """After each test the service still answers correctly."""
    yield
    assert forecast(url) == expected


def test_a_slow_body_does_not_delay_other_requests(url: str, expected: dict[str, Any]) -> None:
    request = post()
    with connected(url) as slow:
        for at in range(0, len(request), 20):
            slow.send(request[at : at + 20])
            assert forecast(url) == expected
        assert slow.answer().forecast() == expected


def test_an_incomplete_body_does_not_delay_other_requests(url: str, expected: dict[str, Any]) -> None:
    """tests/http/test_protocol.py does the same on a service with one slot."""
    with connected(url) as wire:
        wire.send(post()[:-1])
        assert forecast(url) == expected


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("sent", [post()[:5], post()[:40], post()[:-10], post()])
def test_clients_may_disconnect_at_any_time(url: str, sent: bytes, reset: bool) -> None:
    for _ in range(10):
        with connected(url) as wire:
            wire.send(sent)
            if reset:
                wire.reset()


def test_pipelined_requests_are_answered_in_order(url: str) -> None:
    bodies = [json.dumps(observation()).encode() for _ in range(20)]
    with connected(url) as wire:
        wire.send(b"".join(map(post, bodies)))
        together = [wire.answer().forecast() for _ in bodies]
        assert wire.quiet()
    for body, found in zip(bodies, together, strict=True):
        alone = forecast(url, body)
        assert found["prediction"] == alone["prediction"]
        assert found["probability"] == pytest.approx(alone["probability"], abs=2e-6)


def test_pipelined_valid_and_invalid_requests_get_their_own_responses(url: str) -> None:
    with connected(url) as wire:
        wire.send(post() + post(b"{}") + b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n" + post() + post(b"[]"))
        assert [wire.answer().status for _ in range(5)] == [200, 400, 404, 200, 400]
        assert wire.quiet()


@pytest.mark.parametrize("rest", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * MAX_HEADER_BYTES])
def test_invalid_data_after_pipelined_requests_does_not_replace_their_responses(
    url: str, rest: bytes
) -> None:
    with connected(url) as wire:
        wire.send(post() + post(b"{}") + rest)
        first, second = wire.answer(), wire.answer()
        assert (first.status, second.status) == (200, 400)
        assert json.loads(second.body)["detail"], "this is the response to {}"
        assert wire.closed()


def test_a_body_that_becomes_invalid_after_the_response_gets_no_second_one(url: str) -> None:
    with connected(url) as wire:
        wire.send(CHUNKED.replace(b"application/json", b"text/plain"))
        assert wire.answer().status == 415
        wire.send(b"zz\r\n")
        assert wire.closed()


def test_a_request_may_arrive_byte_by_byte(url: str, expected: dict[str, Any]) -> None:
    request = post()
    with connected(url) as wire:
        wire.send(*(request[at : at + 1] for at in range(len(request))))
        assert wire.answer().forecast() == expected


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * MAX_HEADER_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEADER_BYTES // 6 + 10) + b"\r\n",
        b"GET /" + b"a" * MAX_HEADER_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * MAX_HEADER_BYTES,
    ],
    ids=["one line", "many lines", "path", "no end"],
)
@pytest.mark.parametrize("pieces", [1, 2, 50])
def test_large_headers_are_a_431(url: str, head: bytes, pieces: int) -> None:
    step = -(-len(head) // pieces)
    parts = [head[at : at + step] for at in range(0, len(head), step)]
    assert (
        refused(url, *parts, status=431)
        == f"the request line and headers are larger than {MAX_HEADER_BYTES:,} bytes"
    )


def test_headers_below_the_limit_are_accepted_and_the_body_is_not_counted(
    url: str, expected: dict[str, Any]
) -> None:
    fits = b"X: " + b"y" * (MAX_HEADER_BYTES - 1000) + b"\r\n"
    with connected(url) as wire:
        for _ in range(3):
            wire.send(post(GOOD + b" " * 10_000, fits))
            assert wire.answer().forecast() == expected


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
        b"hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        bytes(1000),
        b"GET / HTTP/9.9\r\n\r\n",
        b"post /predict HTTP/1.1\r\n\r\n",
        b"BREW /predict HTTP/1.1\r\n\r\n",
        b"GET predict HTTP/1.1\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\n\n",
        post(headers=b"X : y\r\n"),
        post(headers=b": y\r\n"),
        post(headers=b"X\r\n"),
        post(headers=b"X y: z\r\n"),
        post(headers=b"X: \0\r\n"),
        post(headers=b"X: y\r\n z\r\n"),
        post(headers=b"X: y\rZ: z\r\n"),
    ],
)
def test_malformed_http_is_a_400(url: str, sent: bytes) -> None:
    assert refused(url, sent) == "this is not a valid HTTP/1.1 request"


@pytest.mark.parametrize("path", [b"/predict", b"/predict_batch"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"temp_c\xff": 1}', "invalid unicode code point at line 1 column 9"),
        (b"\xff\xfe" + GOOD.decode().encode("utf-16-le"), "expected value at line 1 column 1"),
        (b"[" * 16_000, "recursion limit exceeded at line 1 column "),
        (b'{"temp_c":' * 1_600, "recursion limit exceeded at line 1 column "),
        (b'{"observations":' + b"[" * 16_000, "recursion limit exceeded at line 1 column "),
        (b'{"observations":[' + b'{"a":' * 3_000, "recursion limit exceeded at line 1 column "),
        (b"\0", "expected value at line 1 column 1"),
        (GOOD + GOOD, f"trailing characters at line 1 column {len(GOOD) + 1}"),
        (b'{\n  "temp_c": 8.75,\n  humidity: 1}', "key must be a string at line 3 column 3"),
        (b'{"temp_c": 8,75}', "key must be a string at line 1 column 14"),
        (b"\n", "EOF while parsing a value at line 2 column 0"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_body_that_is_not_json_is_a_400_that_says_where(
    url: str, path: bytes, body: bytes, reason: str
) -> None:
    answer = one(url, post(body, path=path))
    assert answer.status == 400
    assert answer.problem().startswith(f"the body is not valid JSON: {reason}")


@pytest.mark.parametrize("path", [b"/predict", b"/predict_batch"])
@pytest.mark.parametrize("kind", [b"application/json", b"text/csv"])
@pytest.mark.parametrize("body", [b"", BOM_UTF8])
def test_an_empty_body_is_called_empty(url: str, path: bytes, kind: bytes, body: bytes) -> None:
    answer = one(url, post(body, path=path).replace(b"application/json", kind))
    if (path, kind) == (b"/predict", b"text/csv"):
        assert answer.status == 415
    else:
        assert answer.status == 400
        assert answer.problem() == "the body is empty"


def test_a_byte_order_mark_before_the_body_is_skipped(url: str, expected: dict[str, Any]) -> None:
    """Windows' editors and PowerShell write one."""
    assert forecast(url, BOM_UTF8 + GOOD) == expected
    many = one(url, post(BOM_UTF8 + bulk(GOOD), path=b"/predict_batch")).forecast()
    assert many["forecasts"][0]["prediction"] == expected["prediction"]


def with_number(number: bytes) -> bytes:
    return with_token(number.decode()).encode()


def bulk(*records: bytes) -> bytes:
    return b'{"observations":[' + b",".join(records) + b"]}"


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 400, b"-" + b"9" * 400, b"9" * 5000])
def test_numbers_beyond_the_range_of_float_are_rejected(url: str, number: bytes) -> None:
    for request in (
        post(with_number(number)),
        post(bulk(GOOD, with_number(number)), path=b"/predict_batch"),
    ):
        answer = one(url, request)
        assert answer.status == 400
        assert answer.problem()


@pytest.mark.parametrize(
    ("number", "same"), [(b"-0.0", b"0"), (b"-0", b"0"), (b"1e-400", b"0"), (b"1.5" + b"0" * 5000, b"1.5")]
)
def test_unusual_spellings_of_a_number_are_accepted(url: str, number: bytes, same: bytes) -> None:
    found = forecast(url, with_number(number))
    assert found == forecast(url, with_number(same))
    many = one(url, post(bulk(with_number(number)), path=b"/predict_batch")).forecast()
    assert many["forecasts"][0]["probability"] == pytest.approx(found["probability"], abs=2e-6)


def test_a_repeated_field_is_refused_by_both_paths(url: str) -> None:
    """Most JSON parsers take the last value, so the forecast would be for something else than was meant."""
    value = json.dumps(EXAMPLE[FIRST]).encode()
    body = with_number(b"0.2")[:-1] + b',"%s":%s}' % (FIRST.encode(), value)
    sentence = f"{FIRST} is given more than once: give it once"
    assert one(url, post(body)).problem() == sentence
    assert one(url, post(bulk(body), path=b"/predict_batch")).problem() == sentence


@pytest.mark.parametrize(
    "length",
    [
        b"%d\r\nContent-Length: %d" % (len(GOOD), len(GOOD)),
        b"%d\r\nContent-Length: 0" % len(GOOD),
        b"0\r\nContent-Length: %d" % len(GOOD),
        b"%d, %d" % (len(GOOD), len(GOOD)),
        b"-1",
        b"+%d" % len(GOOD),
        b"0x10",
        b"1_0",
        b"1 0",
        b"abc",
        b"",
        b"9" * 30,
        b"\xd9\xa3",
    ],
)
def test_an_invalid_content_length_is_a_400(url: str, length: bytes) -> None:
    head = b"POST /predict HTTP/1.1\r\n" + JSON + b"Content-Length: " + length + b"\r\n\r\n"
    assert refused(url, head + GOOD)


HIDDEN = b"GET /hidden HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize("first", [b"Content-Length", b"Transfer-Encoding"])
@pytest.mark.parametrize(
    "encoding",
    [
        b": chunked",
        b":chunked",
        b": Chunked",
        b":\tchunked",
        b": \x0bchunked",
        b" : chunked",
        b":\r\n chunked",
        b": identity",
        b": xchunked",
        b': "chunked"',
        b": chunked, identity",
        b": identity, chunked",
        b": chunked, chunked",
        b": chunked\r\nTransfer-Encoding: identity",
    ],
)
def test_a_body_with_content_length_and_transfer_encoding_is_rejected(
    url: str, encoding: bytes, first: bytes
) -> None:
    body = chunked(GOOD)
    for length in (len(body), len(body) + len(HIDDEN), 0, 4):
        lines = [b"Content-Length: %d\r\n" % length, b"Transfer-Encoding" + encoding + b"\r\n"]
        if first == b"Transfer-Encoding":
            lines.reverse()
        assert refused(url, b"POST /predict HTTP/1.1\r\n" + JSON + b"".join(lines) + b"\r\n" + body + HIDDEN)


def test_transfer_encodings_other_than_chunked_are_rejected(url: str) -> None:
    for encoding in (b"identity", b"xchunked", b"chunked, identity", b"chunked\r\nTransfer-Encoding: gzip"):
        head = b"POST /predict HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: " + encoding + b"\r\n\r\n"
        assert refused(url, head + chunked(GOOD))


CHUNKED = b"POST /predict HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        chunked(GOOD),
        chunked(*(GOOD[at : at + 1] for at in range(len(GOOD)))),
        chunked(GOOD).replace(b"\r\n", b";name=value\r\n", 1),
        chunked(GOOD)[:-2] + b"X-Trailer: y\r\n\r\n",
        b"000" + chunked(GOOD),
    ],
    ids=["one", "many", "extension", "trailer", "zeros"],
)
def test_a_chunked_body_is_accepted(url: str, expected: dict[str, Any], body: bytes) -> None:
    with connected(url) as wire:
        for _ in range(2):
            wire.send(CHUNKED + body)
            assert wire.answer().forecast() == expected
        assert wire.quiet()


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"0x5\r\n",
        b" 5\r\n",
        b"5\n",
        b"\r\n",
        b"f" * 20 + b"\r\n",
        b"%x\r\n%bXX0\r\n\r\n" % (len(GOOD), GOOD),
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD) - 1, GOOD),
        chunked(GOOD)[:-2] + b"Content-Length: 5\r\n\r\n",
    ],
)
def test_an_invalid_chunk_is_a_400(url: str, body: bytes) -> None:
    assert refused(url, CHUNKED + body + HIDDEN)


def test_a_chunked_body_over_the_limit_is_a_413(url: str) -> None:
    with connected(url) as wire:
        wire.send(CHUNKED, *(b"3e8\r\n" + b" " * 1000 + b"\r\n" for _ in range(17)))
        answer = wire.answer()
        assert answer.status == 413
        assert answer.problem()


def test_expect_100_continue_gets_a_100_and_then_the_forecast(url: str, expected: dict[str, Any]) -> None:
    head, _, body = post(headers=b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    with connected(url) as wire:
        wire.send(head + b"\r\n\r\n")
        assert wire.answer().status == 100
        wire.send(body)
        assert wire.answer().forecast() == expected


def test_expect_100_continue_with_too_large_a_body_gets_a_413(url: str) -> None:
    head, _, _ = post(b" " * 20_000, b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    answer = one(url, head + b"\r\n\r\n")
    assert answer.status == 413
    assert answer.problem()


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"])
def test_an_http_1_0_request_is_answered_and_the_connection_closed(
    url: str, expected: dict[str, Any], connection: bytes
) -> None:
    with connected(url) as wire:
        wire.send(post(headers=connection).replace(b"HTTP/1.1", b"HTTP/1.0").replace(HOST, b""))
        answer = wire.answer()
        assert answer.forecast() == expected
        assert answer.headers["connection"] == "close"
        assert wire.closed()


def test_data_after_connection_close_is_ignored(url: str, expected: dict[str, Any]) -> None:
    with connected(url) as wire:
        wire.send(post(headers=b"Connection: close\r\n") + HIDDEN)
        assert wire.answer().forecast() == expected
        assert wire.closed()


@pytest.mark.parametrize("spelling", [bytes.upper, bytes.lower, bytes.title])
def test_header_names_may_be_in_any_case(url: str, expected: dict[str, Any], spelling: Any) -> None:
    request = post().replace(b"Content-Type", spelling(b"Content-Type"))
    request = request.replace(b"Content-Length", spelling(b"Content-Length"))
    assert one(url, request).forecast() == expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_a_405_with_allow(url: str, method: str) -> None:
    answer = one(url, f"{method} /predict HTTP/1.1\r\nHost: x\r\n\r\n".encode(), to=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert answer.body == b"" if method == "HEAD" else answer.problem()


@pytest.mark.parametrize(
    "offer",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AA==\r\n",
        b"Connection: Upgrade\r\nUPGRADE: TLS/1.3\r\n",
    ],
    ids=["h2c", "websocket", "tls"],
)
def test_the_upgrade_header_is_ignored(url: str, expected: dict[str, Any], offer: bytes) -> None:
    """Java's HttpClient sends it with each request."""
    with connected(url) as wire:
        wire.send(post(headers=offer))
        assert wire.answer().forecast() == expected
        head, end, body = CHUNKED.replace(HOST, HOST + offer).partition(b"\r\n\r\n")
        wire.send(head[:-30], head[-30:] + end, body + chunked(GOOD))
        assert wire.answer().forecast() == expected
        wire.send(b"GET /predict HTTP/1.1\r\n" + HOST + offer + b"\r\n")
        assert wire.answer().status == 405
        assert wire.quiet()


@pytest.mark.parametrize("path", [b"/predict?x=1", b"/predict?", b"/predict??%ff%00&=", b"/%70redict"])
def test_a_query_string_is_ignored_and_a_percent_encoded_path_is_decoded(
    url: str, expected: dict[str, Any], path: bytes
) -> None:
    assert one(url, post(path=path)).forecast() == expected


@pytest.mark.parametrize(
    "path",
    [
        b"/%00",
        b"/predict%00",
        b"/predict%20",
        b"/PREDICT",
        b"//predict",
        b"/../predict",
        b"/%",
        b"/%zz",
        b"/%ff",
        b"*",
        b"/" + b"a" * 20_000,
        b"/docs/../service.py",
        b"/docs/..%2f..%2fservice.py",
    ],
    ids=lambda path: repr(path[:20]),
)
def test_other_paths_are_a_404(url: str, path: bytes) -> None:
    answer = one(url, post(path=path))
    assert answer.status == 404
    assert answer.problem()


def test_two_content_types_are_rejected(url: str) -> None:
    answer = one(url, post(headers=b"Content-Type: text/plain\r\n"))
    assert answer.status == 415
    assert answer.problem()
