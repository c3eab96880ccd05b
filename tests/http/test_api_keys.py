from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message, Scope

from loadtest.serving import PROJECT, served
from tests.conftest import EXAMPLE
from weather.http.api_keys import ApiKeys, BadKeys, Keys, main
from weather.http.limits import ENDPOINTS
from weather.telemetry.metrics import count_refusal


def new_key(name: str) -> tuple[str, str]:
    """What ``make key`` prints: the key, and the line for the file."""
    done = subprocess.run(
        [sys.executable, "-m", "weather.http.api_keys", name],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    key, line = (shown.split(":", 1)[1].strip() for shown in done.stdout.splitlines())
    return key, line


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys"


@pytest.fixture(scope="module")
def key(file: Path) -> str:
    key, line = new_key("station-1")
    file.write_text(f"# who asks\n\n{line}\n")
    return key


@pytest.fixture(scope="module")
def locked(bentoml_home: Path, file: Path, key: str) -> Iterator[httpx.Client]:
    """A client of a service that requires keys."""
    with (
        served(bentoml_home, env={"WEATHER_API_KEYS_FILE": str(file)}) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def test_a_request_without_a_key_gets_a_401_with_a_challenge(locked: httpx.Client) -> None:
    for path in ("/predict", "/predict_batch"):
        answer = locked.post(path, json=EXAMPLE)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="rain forecast"'
        assert answer.json().keys() == {"error", "detail"}
        assert "API key" in answer.json()["error"]


def test_a_key_is_accepted_in_either_header(locked: httpx.Client, key: str) -> None:
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"authorization": f"bearer {key}"},
        {"X-API-Key": key},
    ):
        assert locked.post("/predict", json=EXAMPLE, headers=headers).status_code == 200


@pytest.mark.parametrize("wrong", ["", "x", "Basic", "ÿ"])
def test_a_wrong_key_is_rejected(locked: httpx.Client, key: str, wrong: str) -> None:
    for value in (wrong, key[:-1] + wrong, wrong + key):
        if value != key:
            headers = {b"X-API-Key": value.encode("latin-1")}
            assert locked.post("/predict", json=EXAMPLE, headers=headers).status_code == 401


def test_probes_metrics_pages_and_the_openapi_document_need_no_key(locked: httpx.Client) -> None:
    for path in ("/", "/docs", "/model", "/static/page.js", "/openapi.json", "/livez", "/readyz", "/metrics"):
        assert locked.get(path).status_code == 200, path


def test_the_openapi_document_requires_a_key(locked: httpx.Client, client: httpx.Client) -> None:
    operation = locked.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert operation["security"] == [{"bearer": []}, {"header": []}]
    assert "401" in operation["responses"]
    assert "security" not in client.get("/openapi.json").json()["paths"]["/predict"]["post"]


def respond(
    file: Path, path: str, *headers: tuple[bytes, bytes]
) -> tuple[int, dict[bytes, bytes], list[object]]:
    """Status and headers of a request to the middleware, and what its app was called with."""

    async def app(*arguments: object) -> None:
        called.extend(arguments)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await ApiKeys(app, Keys(file))(scope, receive, send)

    sent: list[Message] = []
    called: list[object] = []
    scope: Scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"host", b"x"), *headers]}
    asyncio.run(run())
    assert called in ([], [scope, receive, send])
    start: Message = sent[0] if sent else {"status": 0, "headers": []}
    return start["status"], dict(start["headers"]), called


@pytest.mark.parametrize("path", ENDPOINTS)
def test_posts_without_a_valid_key_do_not_reach_the_app(file: Path, key: str, path: str) -> None:
    before = count_refusal.counts["key"]
    wrong: tuple[list[tuple[bytes, bytes]], ...] = (
        [],
        [(b"x-api-key", b"")],
        [(b"x-api-key", key[1:].encode())],
        [(b"authorization", key.encode())],
        [(b"authorization", b"Basic " + key.encode())],
        [(b"authorization", b"Bearer" + key.encode())],
        [(b"cookie", key.encode())],
        [(b"cookie", b"Bearer " + key.encode())],
        [(b"x-api-key", b"wrong"), (b"authorization", b"Bearer " + key.encode())],
    )
    for headers in wrong:
        status, answered, called = respond(file, path, *headers)
        assert (status, called) == (401, [])
        assert answered[b"www-authenticate"] == b'Bearer realm="rain forecast"'
    assert count_refusal.counts["key"] == before + len(wrong)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_posts_with_a_valid_key_reach_the_app(file: Path, key: str, path: str) -> None:
    for name, value in (
        (b"x-api-key", key),
        (b"x-api-key", f"  {key} "),
        (b"authorization", f"Bearer {key}"),
        (b"authorization", f"bearer   {key} "),
        (b"authorization", f"BEARER {key}"),
    ):
        assert respond(file, path, (name, value.encode()))[2]


def test_other_paths_reach_the_app_without_a_key(file: Path, key: str) -> None:
    for path in ("/", "/predict/", "/livez", "/metrics"):
        assert respond(file, path)[2]


def test_the_key_of_the_command_is_random_and_its_digest_is_in_the_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys = set()
    for _ in range(3):
        assert main(["a.b-c_1"]) == 0
        key, line = (shown.split(":", 1)[1].strip() for shown in capsys.readouterr().out.splitlines())
        assert line == f"a.b-c_1:{hashlib.sha256(key.encode()).hexdigest()}"
        assert len(key) >= 43, "256 bits"
        keys.add(key)
    assert len(keys) == 3


@pytest.mark.parametrize("arguments", [[], ["a b"], ["a", "b"], [""], ["a:b"], ["a\nb"]])
def test_the_command_needs_one_name_of_letters_digits_and_punctuation(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "usage: python -m weather.http.api_keys NAME   (letters, digits, . _ -)\n"


def test_keys_are_added_and_removed_by_editing_the_file(file: Path, key: str) -> None:
    keys = Keys(file)
    other, line = new_key("station-2")
    assert keys.accept(key.encode())
    assert not keys.accept(other.encode())
    before = file.read_text()
    try:
        file.write_text(line)
        keys.refresh()
        assert keys.accept(other.encode())
        assert not keys.accept(key.encode())
    finally:
        file.write_text(before)


def test_a_changed_file_is_read_again_without_a_restart(
    file: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys(file)
    monkeypatch.setattr("weather.http.api_keys.CHECK_SECONDS", 0.0)
    before = file.read_text()
    try:
        file.write_text(new_key("station-3")[1])
        assert not keys.accept(key.encode())
    finally:
        file.write_text(before)


def test_keys_stay_valid_when_the_file_becomes_unusable_or_is_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, line = new_key("a")
    file = tmp_path / "keys"
    file.write_text(line)
    keys = Keys(file)
    file.write_text("nonsense")
    keys.refresh()
    file.unlink()
    keys.refresh()
    assert keys.accept(key.encode())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "contains no key"),
        ("# only words\n", "contains no key"),
        ("station-1:abc\n", "line 1: expected NAME:SHA-256"),
        ("a:" + "0" * 64 + "\nb " + "0" * 64, "line 2"),
        ("a:" + "0" * 64 + "\nb:" + "G" * 64, "line 2"),
    ],
)
def test_a_bad_file_is_rejected_with_the_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(BadKeys, match=reason):
        Keys(file)
