"""A web page of another origin asks the service, in a real browser."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from loadtest.serving import served
from tests.conftest import EXAMPLE
from tests.http.test_protocol import overload
from tests.pages.browser import CHROMIUM, browser, patient
from weather.http.cors import EXPOSED

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

KEY = "the key of the page"

FETCH = """async ([url, method, headers, body]) => {
  try {
    const answer = await fetch(url, { method, headers, body });
    return {
      status: answer.status,
      retry: answer.headers.get("Retry-After"),
      id: answer.headers.get("X-Request-ID"),
      body: await answer.json(),
    };
  } catch (error) {
    return { status: 0, error: String(error) };
  }
}"""


class BlankPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the page is: http://127.0.0.1:PORT, and, of another origin, http://localhost:PORT."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BlankPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def guarded(bentoml_home: Path, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that wants KEY and allows one origin."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"page:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    origins = f"https://example.org http://127.0.0.1:{port}"
    env = {"WEATHER_API_KEYS_FILE": str(keys), "WEATHER_CORS_ORIGINS": origins}
    with served(bentoml_home, env=env) as url:
        yield url


@pytest.fixture(scope="module")
def narrow(bentoml_home: Path) -> Iterator[str]:
    """A service with one slot that allows every origin."""
    options = "services.rain_forecast.traffic.max_concurrency=1"
    with served(bentoml_home, env={"WEATHER_CORS_ORIGINS": "*", "BENTOML_CONFIG_OPTIONS": options}) as url:
        yield url


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def page(running: Browser, port: int) -> Iterator[Page]:
    """The page of the allowed origin."""
    page = patient(running.new_page())
    page.goto(f"http://127.0.0.1:{port}/")
    yield page
    page.close()


def ask(
    page: Page,
    url: str,
    path: str = "/predict",
    method: str = "POST",
    body: object = EXAMPLE,
    **headers: str,
) -> dict[str, Any]:
    """What a script of the page sees; status 0 when the browser lets it see nothing."""
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    script = "body => JSON.stringify(body)"
    text = None if method == "GET" else body if isinstance(body, str) else page.evaluate(script, body)
    found: dict[str, Any] = page.evaluate(FETCH, [url + path, method, sent, text])
    return found


def test_a_page_of_an_allowed_origin_gets_forecasts_and_reads_errors(page: Page, guarded: str) -> None:
    answer = ask(page, guarded, X_API_Key=KEY, X_Request_ID="from-the-page")
    assert answer["status"] == 200
    assert answer["body"]["prediction"] in ("Rain", "No_Rain")
    assert answer["id"] == "from-the-page"
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert ask(page, guarded, **bearer)["status"] == 200
    assert ask(page, guarded)["status"] == 401
    assert ask(page, guarded, X_API_Key="wrong")["status"] == 401
    assert ask(page, guarded, body={}, X_API_Key=KEY)["status"] == 400
    assert ask(page, guarded, body=" " * 20_000, X_API_Key=KEY)["status"] == 413
    assert ask(page, guarded, X_API_Key=KEY, Content_Type="text/plain")["status"] == 415
    assert ask(page, guarded, "/nowhere")["status"] == 404
    assert ask(page, guarded, method="GET", X_API_Key=KEY)["status"] == 405
    assert ask(page, guarded, "/model", method="GET", Accept="application/json")["status"] == 200
    for error in (ask(page, guarded), ask(page, guarded, "/nowhere")):
        assert error["body"].keys() == {"error", "detail"}
        assert error["id"]


def test_pages_of_other_origins_see_nothing(page: Page, port: int, guarded: str, url: str) -> None:
    assert ask(page, url)["status"] == 0, "without the setting no page may ask"
    page.goto(f"http://localhost:{port}/")
    assert ask(page, guarded, X_API_Key=KEY)["status"] == 0
    assert ask(page, guarded)["status"] == 0


def test_any_page_may_ask_where_all_are_allowed_and_reads_when_to_come_back(
    page: Page, port: int, narrow: str
) -> None:
    page.goto(f"http://localhost:{port}/")
    statuses: set[int] = set()
    with overload(narrow):
        while not statuses >= {200, 429}:
            answer = ask(page, narrow)
            statuses.add(answer["status"])
            if answer["status"] == 429:
                assert answer["retry"] == "1"
                assert answer["id"]
    assert statuses == {200, 429}


ORIGIN = {"Origin": "https://example.org"}
PREFLIGHT = {
    **ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,x-api-key,content-encoding",
}


def test_a_preflight_needs_no_key(guarded: str) -> None:
    answer = httpx.options(f"{guarded}/predict", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-api-key,content-encoding"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "asked", [{"Origin": "https://example.com"}, {"Access-Control-Request-Method": "DELETE"}]
)
def test_a_preflight_that_asks_for_too_much_is_refused_like_everything_else(
    guarded: str, asked: dict[str, str]
) -> None:
    answer = httpx.options(f"{guarded}/predict", headers={**PREFLIGHT, **asked})
    assert answer.status_code == 400
    assert answer.json().keys() == {"error", "detail"}
    assert "access-control-allow-origin" not in answer.headers


def test_answers_vary_by_origin_and_only_allowed_ones_are_named(guarded: str) -> None:
    allowed = httpx.get(f"{guarded}/livez", headers=ORIGIN)
    assert allowed.headers["access-control-allow-origin"] == "https://example.org"
    assert allowed.headers["access-control-expose-headers"] == ", ".join(EXPOSED)
    for headers in ({}, {"Origin": "https://example.com"}):
        answer = httpx.get(f"{guarded}/livez", headers=headers)
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"


def test_without_the_setting_nothing_is_added(url: str) -> None:
    answer = httpx.get(f"{url}/livez", headers=ORIGIN)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "vary" not in answer.headers
