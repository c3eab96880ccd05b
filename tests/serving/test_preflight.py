"""Mistakes that end `bentoml serve` with one sentence before any worker starts."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from loadtest.serving import PROJECT, free_port, running
from tests.serving.test_supervision import started
from tests.waiting import PATIENCE
from weather.serving.preflight import (
    Refusal,
    Tls,
    check_models,
    check_port,
    check_tls,
    warnings,
)


def serve(home: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `bentoml serve`, which is expected to end by itself."""
    port = () if "--port" in flags else ("--port", str(free_port()))
    return subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", ".", *port, *flags],
        cwd=PROJECT,
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_HOST": "127.0.0.1", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What it ended with; no worker was started and no run folder made."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    return last.removeprefix("Error: ")


def test_a_taken_port_is_a_sentence_and_the_running_service_keeps_its_metrics(bentoml_home: Path) -> None:
    with started(bentoml_home) as running:
        httpx.get(f"{running.url}/nowhere")
        port = running.url.rpartition(":")[2]
        assert sentence(serve(bentoml_home, "--port", port)) == (
            f"can't listen on 127.0.0.1 port {port}: another program listens there; "
            "stop it or choose another port"
        )
        assert 'endpoint="other"' in httpx.get(f"{running.url}/metrics").text


@pytest.mark.parametrize(
    ("flags", "env", "expected"),
    [
        (("--ssl-certfile", "missing.pem"), {}, "missing.pem can't be read: No such file or directory"),
        (("--ssl-keyfile", "README.md"), {}, "--ssl-keyfile needs --ssl-certfile"),
        (
            (),
            {"BENTOML_CONFIG_OPTIONS": "services.rain_forcast.workers=2"},
            "services.rain_forcast, which is not known: this service is rain_forecast",
        ),
        (
            (),
            {"BENTOML_CONFIG_OPTIONS": "services.rain_forecast.traffic.timout=2"},
            "services.rain_forecast is wrong: Key 'traffic' error: Wrong key 'timout'",
        ),
        (
            (),
            {"BENTOML_CONFIG_OPTIONS": "services.rain_forecast.http.cors.enabled=true"},
            "set WEATHER_CORS_ORIGINS instead",
        ),
    ],
)
def test_a_worker_that_could_not_start_is_not_started(
    bentoml_home: Path, flags: tuple[str, ...], env: dict[str, str], expected: str
) -> None:
    assert expected in sentence(serve(bentoml_home, *flags, **env))


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    assert sentence(serve(tmp_path)) == (
        f"the model store in {tmp_path} has no weather-classifier and no weather-scaler: "
        "run `make import` first"
    )


def test_one_missing_model_is_enough() -> None:
    with pytest.raises(Refusal, match=r"in /home has no weather-scaler: run `make import` first"):
        check_models({"weather-scaler": None, "weather-classifier": "weather-classifier:1"}, "/home")
    check_models({"weather-scaler": "weather-scaler:1"}, "/home")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
def test_a_free_port_is_free_afterwards(host: str) -> None:
    port = free_port()
    for _ in range(2):
        check_port(host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family), pytest.raises(Refusal, match="another program"):
        check_port(host, port)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("localhost", 3000, "the host must be an IP address"),
        ("192.0.2.1", 3000, "this machine does not have that address"),
        ("127.0.0.1", 70000, "a number up to 65535, not 70000"),
    ],
)
def test_an_impossible_address_says_why(host: str, port: int, expected: str) -> None:
    with pytest.raises(Refusal, match=expected):
        check_port(host, port)


EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def certificate(folder: Path, name: str, password: str = "") -> tuple[str, str]:
    """File names of a self-signed certificate and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    key = ("-passout", f"pass:{password}") if password else ("-nodes",)
    files = (f"{name}.pem", f"{name}-key.pem")
    command = ("openssl", "req", "-x509", *EC_KEY, "-subj", "/CN=127.0.0.1", *key)
    subprocess.run(
        [*command, "-out", files[0], "-keyout", files[1]], cwd=folder, check=True, capture_output=True
    )
    return files


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates ``one``, ``two`` and ``locked``."""
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder, "one")
    certificate(folder, "two")
    certificate(folder, "locked", password="secret")
    (folder / "empty.pem").write_text("")
    return folder


def test_what_the_workers_could_load_passes(pem: Path) -> None:
    check_tls(Tls(None, None, None, None, None), pem)
    check_tls(Tls("one.pem", "one-key.pem", None, "two.pem", "ECDHE+AESGCM"), pem)
    check_tls(Tls("locked.pem", str(pem / "locked-key.pem"), "secret", None, None), pem)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Tls("one.pem", "missing.pem", None, None, None), "missing.pem can't be read: No such file"),
        (Tls("one.pem", ".", None, None, None), "can't be read: Is a directory"),
        (Tls("empty.pem", "one-key.pem", None, None, None), "empty.pem and one-key.pem can't be used"),
        (Tls("one.pem", None, None, None, None), "one.pem and the key in it can't be used"),
        (Tls("one.pem", "two-key.pem", None, None, None), "KEY_VALUES_MISMATCH"),
        (Tls("locked.pem", "locked-key.pem", None, None, None), "locked-key.pem can't be used"),
        (Tls("one.pem", "one-key.pem", None, "empty.pem", None), "--ssl-ca-certs or --ssl-ciphers"),
        (Tls("one.pem", "one-key.pem", None, None, "NONSENSE"), "--ssl-ca-certs or --ssl-ciphers"),
    ],
)
def test_what_they_could_not_load_is_refused_by_name(pem: Path, options: Tls, expected: str) -> None:
    with pytest.raises(Refusal, match=re.escape(expected)):
        check_tls(options, pem)


def test_what_is_legal_but_rarely_meant_is_a_warning() -> None:
    assert warnings("127.0.0.1", keys=False, command_line=["--host", "--port"]) == []
    assert warnings("0.0.0.0", keys=True, command_line=[]) == []
    (open_to_all,) = warnings("0.0.0.0", keys=False, command_line=[])
    assert open_to_all.startswith("listening on 0.0.0.0 without API keys")
    (no_effect,) = warnings("::1", keys=False, command_line=["--api-workers"])
    assert no_effect.startswith("--api-workers has no effect")
    assert "services.rain_forecast.workers" in no_effect


@pytest.mark.slow("a service of its own")
def test_options_that_bentoml_ignores_are_in_the_log(bentoml_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as log, running(bentoml_home, flags=("--api-workers", "2"), log=log):
        assert "--api-workers has no effect on this service" in file.read_text()
        assert "--timeout has no effect" not in file.read_text()
