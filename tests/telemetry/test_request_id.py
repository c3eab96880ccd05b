"""Request ids and log lines, on the real service."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loadtest.serving import served
from tests.conftest import EXAMPLE
from tests.waiting import PATIENCE
from weather.http.deadline import Deadline
from weather.http.problems import unexpected_problem
from weather.telemetry.json_logs import json_formatter
from weather.telemetry.request_id import RequestId

ACCESS = {"BENTOML_CONFIG_OPTIONS": "services.rain_forecast.logging.access.enabled=true"}


def test_a_valid_id_is_returned_and_an_invalid_one_is_replaced(client: httpx.Client) -> None:
    for good in ("a", "Ab-9._", "x" * 128):
        assert (
            client.post("/predict", json=EXAMPLE, headers={"X-Request-ID": good}).headers["x-request-id"]
            == good
        )
    made = set()
    for bad in ("", "x" * 129, "a b", "a;b", '{"a":1}', "a\tb"):
        answer = client.post("/predict", json=EXAMPLE, headers={"X-Request-ID": bad})
        assert answer.headers["x-request-id"] != bad
        assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]
        made.add(answer.headers["x-request-id"])
    assert len(made) == 6
    for answer in (client.get("/nothing"), client.get("/livez"), client.post("/predict", json={})):
        assert answer.headers["x-request-id"]


async def late(_: Request) -> Response:
    await asyncio.sleep(10 * PATIENCE)
    raise AssertionError


async def broken(_: Request) -> Response:
    raise RuntimeError


def test_responses_to_timeouts_and_unexpected_errors_have_the_id() -> None:
    async def ask(path: str, seconds: float) -> httpx.Response:
        app = Starlette(
            routes=[Route("/late", late), Route("/broken", broken)],
            middleware=[Middleware(RequestId), Middleware(Deadline, seconds=seconds)],
            exception_handlers={Exception: unexpected_problem},
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(path, headers={"X-Request-ID": "mine"})

    for path, seconds, status in (("/late", 0.01, 504), ("/broken", PATIENCE, 500)):
        answer = asyncio.run(ask(path, seconds))
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, "mine")
        assert answer.headers.get("connection") == ("close" if status == 500 else None), "uvicorn closes it"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_log_lines_of_a_request_have_its_id(bentoml_home: Path, tmp_path: Path, log_format: str) -> None:
    output = tmp_path / "log"
    environment = {**ACCESS, "WEATHER_LOG_FORMAT": log_format}
    with output.open("wb") as log, served(bentoml_home, env=environment, log=log) as url:
        first = httpx.post(f"{url}/predict", json=EXAMPLE, headers={"X-Request-ID": "first-one"})
        httpx.post(f"{url}/predict", json=EXAMPLE, headers={"X-Request-ID": "second-one"})
        httpx.post(f"{url}/predict", json={}, headers={"X-Request-ID": "refused"})
        model = httpx.get(f"{url}/model").json()["tags"]["classifier"]
    assert first.headers["X-Model-Version"] == model
    lines = output.read_text().splitlines()
    access = [line for line in lines if "path=/predict" in line]
    assert len(access) == 3
    if log_format == "text":
        assert "(request=first-one)" in access[0]
        assert "(request=second-one)" in access[1]
        return
    *found, refused = [json.loads(line) for line in access]
    assert [line["request_id"] for line in found] == ["first-one", "second-one"]
    assert "model_version" not in refused
    for line in found:
        assert line.keys() == {"time", "level", "logger", "message", "request_id", "model_version"}
        assert line["model_version"] == model
        assert (line["level"], line["logger"]) == ("INFO", "bentoml.access")


def test_a_traceback_is_a_field_of_one_line() -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError as error:
        kind = (type(error), error, error.__traceback__)
    record = logging.LogRecord("weather", logging.ERROR, __file__, 1, "failed: %s", ("why",), kind)
    line = json_formatter().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert found["message"] == "failed: why"
    assert "RuntimeError: first\nsecond" in found["exception"]
    assert found["request_id"] is None
