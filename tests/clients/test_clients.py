"""Round trips of clients that others wrote, each a program of its own in ``programs/``.

They run in environments of their own (``make test-clients``), because they pin what the service does not.
Each prints what it got, and must have got what ``/predict`` says of the same hours.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from loadtest.serving import PROJECT, free_port, running
from loadtest.stations import observation

PROGRAMS = Path(__file__).parent / "programs"
CLIENTS = PROJECT / ".venv-clients" / "bin" / "python"
MLSERVER = PROJECT / ".venv-mlserver" / "bin" / "python"

KEY = "the key"
HOURS = [observation() for _ in range(20)]

pytestmark = pytest.mark.skipif(
    not (CLIENTS.exists() and MLSERVER.exists()), reason="make test-clients makes the clients' environments"
)


@dataclass(frozen=True)
class Addresses:
    """Where a service listens."""

    url: str
    grpc: str

    @property
    def http(self) -> str:
        return self.url.partition("://")[2]


@pytest.fixture(scope="module")
def service(bentoml_home: Path) -> Iterator[Addresses]:
    port = free_port()
    with running(bentoml_home, env={"WEATHER_GRPC_PORT": str(port)}) as service:
        yield Addresses(service.url, f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def expected(service: Addresses) -> tuple[list[float], list[str]]:
    """Probabilities and decisions of HOURS, by ``/predict``."""
    answers = [httpx.post(f"{service.url}/predict", json=hour).json() for hour in HOURS]
    return [answer["probability"] for answer in answers], [answer["prediction"] for answer in answers]


def run(program: str, *arguments: str, python: Path = CLIENTS) -> list[Any]:
    """What a program printed, a JSON document a line."""
    done = subprocess.run(
        [python, PROGRAMS / program, json.dumps(HOURS), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_forecasts(printed: list[Any], expected: tuple[list[float], list[str]], times: int) -> None:
    assert len(printed) == times
    for probabilities, predictions in printed:
        assert np.allclose(probabilities, expected[0], rtol=0, atol=2e-6)
        assert predictions == expected[1]


Expected = tuple[list[float], list[str]]


@pytest.mark.parametrize(("program", "times"), [("triton_http.py", 2), ("triton_http_asyncio.py", 2)])
def test_tritonclient_over_http(service: Addresses, expected: Expected, program: str, times: int) -> None:
    assert_forecasts(run(program, service.http), expected, times)


@pytest.mark.parametrize("program", ["triton_grpc.py", "triton_grpc_asyncio.py"])
def test_tritonclient_over_grpc(service: Addresses, expected: Expected, program: str) -> None:
    assert_forecasts(run(program, service.grpc), expected, 1)


def test_kserve_over_http(service: Addresses, expected: Expected) -> None:
    assert_forecasts(run("kserve_rest.py", service.url), expected, 2)


def test_kserve_over_grpc(service: Addresses, expected: Expected) -> None:
    assert_forecasts(run("kserve_grpc.py", service.grpc), expected, 2)


def test_open_inference_openapi(service: Addresses, expected: Expected) -> None:
    assert_forecasts(run("open_inference_rest.py", service.url), expected, 2)


def test_open_inference_grpc(service: Addresses, expected: Expected) -> None:
    assert_forecasts(run("open_inference_grpc.py", service.grpc), expected, 1)


def test_grpc_health_checking(service: Addresses) -> None:
    assert run("health_checking.py", service.grpc) == ["SERVING", "SERVING"]


def test_mlservers_pandas_codec(service: Addresses, expected: Expected) -> None:
    assert_forecasts(run("mlserver_pandas.py", service.url, python=MLSERVER), expected, 4)


def test_tritonclient_over_tls_with_a_key(
    bentoml_home: Path, tmp_path: Path, certificate: tuple[Path, Path], expected: Expected
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"test:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    file, key = certificate
    port = free_port()
    environment = {"WEATHER_GRPC_PORT": str(port), "WEATHER_API_KEYS_FILE": str(keys)}
    flags = ("--ssl-certfile", str(file), "--ssl-keyfile", str(key))
    trust = ssl.create_default_context(cafile=file)
    with running(bentoml_home, env=environment, flags=flags, trust=trust) as service:
        http = service.url.partition("://")[2]
        assert_forecasts(run("triton_http.py", http, str(file), KEY), expected, 2)
        assert_forecasts(run("triton_grpc.py", f"127.0.0.1:{port}", str(file), KEY), expected, 1)
        for program, address in (("triton_http.py", http), ("triton_grpc.py", f"127.0.0.1:{port}")):
            with pytest.raises(AssertionError, match="API key"):
                run(program, address, str(file))
