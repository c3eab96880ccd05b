"""A start-up that fails: clients get an answer, and the server another try."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message

from tests.serving.test_supervision import Started, started_anyhow
from tests.waiting import PATIENCE, until
from weather.contract.names import COMPILED_FILE
from weather.http.startup import StartupGuard

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def app(lifespan: Lifespan, retry_seconds: float = 600) -> StartupGuard:
    routes = [Route("/", lambda _: PlainTextResponse("here"))]
    return StartupGuard(Starlette(routes=routes, lifespan=lifespan), retry_seconds)


async def run(app: StartupGuard, *paths: str) -> tuple[list[str], list[httpx.Response]]:
    """What a server hears of the app's lifespan, and the responses in between."""
    sent: list[str] = []
    answers: list[httpx.Response] = []

    async def receive() -> Message:
        if not sent:
            return {"type": "lifespan.startup"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            answers.extend([await client.get(path) for path in paths])
        return {"type": "lifespan.shutdown"}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    with suppress(AtTheEnd):
        await app({"type": "lifespan"}, receive, send)
    return sent, answers


@asynccontextmanager
async def good(_: Starlette) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def bad_start(_: Starlette) -> AsyncIterator[None]:
    raise RuntimeError("no room")
    yield


class AtTheEnd(Exception):
    pass


@asynccontextmanager
async def bad_end(_: Starlette) -> AsyncIterator[None]:
    yield
    raise AtTheEnd


@pytest.mark.parametrize(("lifespan", "end"), [(good, "complete"), (bad_end, "failed")])
def test_a_start_that_succeeds_changes_nothing(lifespan: Lifespan, end: str) -> None:
    sent, (answer,) = asyncio.run(run(app(lifespan), "/"))
    assert answer.text == "here"
    assert sent == ["lifespan.startup.complete", f"lifespan.shutdown.{end}"]


def test_a_start_that_fails_answers_everything_with_503_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="bentoml.weather"):
        sent, answers = asyncio.run(run(app(bad_start), "/", "/readyz", "/predict"))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "600"
        assert answer.json()["error"].startswith("the service failed to start")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no room"


def test_some_time_later_the_worker_ends() -> None:
    guard = app(bad_start, retry_seconds=0)

    async def wait_for_the_end() -> None:
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stopped.set)
        sent: list[str] = []

        async def receive() -> Message:
            if sent:
                await stopped.wait()
            return {"type": "lifespan.shutdown" if sent else "lifespan.startup"}

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await guard({"type": "lifespan"}, receive, send)
        assert stopped.is_set()

    asyncio.run(asyncio.wait_for(wait_for_the_end(), PATIENCE))


@pytest.fixture
def broken(bentoml_home: Path, tmp_path: Path) -> Path:
    """A model store whose compiled graph is none, with the digest that it should have."""
    shutil.copytree(bentoml_home / "models", tmp_path / "models")
    folder = tmp_path / "models" / "weather-classifier"
    folder /= (folder / "latest").read_text()
    digest = hashlib.sha256((folder / COMPILED_FILE).read_bytes()).hexdigest()
    (folder / COMPILED_FILE).write_bytes(b"not a graph")
    facts = folder / "model.yaml"
    facts.write_text(facts.read_text().replace(digest, hashlib.sha256(b"not a graph").hexdigest()))
    return tmp_path


def test_clients_of_a_worker_that_can_not_start_are_answered(broken: Path) -> None:
    def refused(service: Started) -> bool:
        try:
            return httpx.get(f"{service.url}/readyz").status_code == 503
        except httpx.TransportError:
            return False

    with started_anyhow(broken) as service:
        until(lambda: refused(service))
        answer = httpx.post(f"{service.url}/predict", json={})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
