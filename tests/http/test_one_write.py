"""``weather/http/one_write.py``, and that a response of the protocol is one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from tests.waiting import PATIENCE
from weather.http.one_write import OneWrite
from weather.http.protocol import LimitedHttpProtocol, Slots


class Recorder(asyncio.Transport):
    """A transport that keeps what is written; a double, since a socket does not show where a write ends."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def resume_reading(self) -> None:
        pass


def test_the_head_is_sent_with_the_first_part_of_the_body() -> None:
    recorder = Recorder()
    response = OneWrite(recorder)
    response.write(b"head ")
    assert recorder.writes == []
    response.write(b"one ")
    response.write(b"two")
    assert recorder.writes == [b"head one ", b"two"]
    response.flush()
    response.close()
    assert recorder.writes == [b"head one ", b"two"]
    assert response.is_closing()


@pytest.mark.parametrize("end", [OneWrite.flush, OneWrite.close])
def test_a_head_without_a_body_is_sent_once(end: Callable[[OneWrite], None]) -> None:
    recorder = Recorder()
    response = OneWrite(recorder)
    response.write(b"head")
    end(response)
    end(response)
    assert recorder.writes == [b"head"]
    assert recorder.closed is (end is OneWrite.close)


def test_nothing_is_written_for_a_response_that_was_not_begun() -> None:
    recorder = Recorder()
    OneWrite(recorder).close()
    assert recorder.writes == []
    assert recorder.closed


def exchange(app: Any, *requests: bytes) -> Recorder:
    """What the protocol writes for these requests of one connection; each waits for the one before it."""

    async def talk() -> Recorder:
        config = Config(app, http="httptools", lifespan="off", log_config=None)
        config.load()
        recorder = Recorder()
        options: dict[str, Any] = {"config": config, "server_state": ServerState(), "app_state": {}}
        connection = LimitedHttpProtocol(Slots({}), lambda _: None, **options)
        connection.connection_made(recorder)
        for request in requests:
            connection.data_received(request)
            async with asyncio.timeout(PATIENCE):
                while tasks := connection.server_state.tasks:
                    await asyncio.wait(tasks)
                    await asyncio.sleep(0)  # uvicorn's callback removes the task
        connection.connection_lost(None)
        return recorder

    return asyncio.run(talk())


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, and answers with two parts."""
    await receive()
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hel", "more_body": True})
    await send({"type": "http.response.body", "body": b"lo"})


def test_a_response_is_one_write_and_further_parts_one_each() -> None:
    get = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
    writes = exchange(hello, get, get).writes
    assert len(writes) == 4
    for head, tail in (writes[:2], writes[2:]):
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert head.endswith(b"\r\n\r\nhel")
        assert tail == b"lo"


def test_a_response_without_a_body_is_sent_when_it_is_complete() -> None:
    head = b"HEAD / HTTP/1.1\r\nhost: here\r\n\r\n"
    writes = exchange(hello, head, head).writes
    assert [write[:15] for write in writes] == [b"HTTP/1.1 200 OK"] * 2
    assert all(write.endswith(b"content-length: 5\r\n\r\n") for write in writes)


def test_a_connection_that_closes_gets_its_last_response_first() -> None:
    recorder = exchange(hello, b"HEAD / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
    assert recorder.closed
    assert len(recorder.writes) == 1


def test_100_continue_does_not_wait_for_the_response() -> None:
    writes_before_the_answer: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        writes_before_the_answer.append(len(cast(Any, send).__self__.transport.writes))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body", "body": b""})

    request = b"POST / HTTP/1.1\r\nhost: here\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}"
    writes = exchange(app, request).writes
    assert writes_before_the_answer == [1]
    assert writes[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert writes[1].startswith(b"HTTP/1.1 204 ")
