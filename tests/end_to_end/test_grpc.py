"""gRPC of the real service: off unless asked for, TLS, keys and draining as HTTP has them, workers."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loadtest.harness import worker
from loadtest.serving import PROJECT, free_port, running
from tests.conftest import EXAMPLE
from tests.waiting import PATIENCE, until
from weather.contract.variables import FEATURES
from weather.open_inference.grpc_messages import CLASSES, SERVICE

KEY = "the key"
READY = health_pb2.HealthCheckResponse.SERVING
NOT_READY = health_pb2.HealthCheckResponse.NOT_SERVING


def infer(channel: Any, record: dict[str, float] = EXAMPLE, **options: Any) -> Any:
    """Ask for one forecast."""
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [1, 1], "contents": {"fp64_contents": [record[name]]}}
        for name in FEATURES
    ]
    request = CLASSES["ModelInferRequest"](model_name="rain_forecast", inputs=inputs)
    method = channel.unary_unary(
        f"/{SERVICE}/ModelInfer",
        lambda message: message.SerializeToString(),
        CLASSES["ModelInferResponse"].FromString,
    )
    return method(request, timeout=PATIENCE, **{"wait_for_ready": True, **options})


@contextmanager
def listening(home: Path, env: dict[str, str] | None = None, **options: Any) -> Iterator[tuple[Any, str]]:
    """A service with gRPC, and its address for that."""
    address = f"127.0.0.1:{free_port()}"
    environment = {"WEATHER_GRPC_PORT": address.rpartition(":")[2], **(env or {})}
    with running(home, env=environment, **options) as service:
        yield service, address


def test_a_forecast_is_that_of_http_and_counted_as_one(bentoml_home: Path) -> None:
    with listening(bentoml_home) as (service, address), grpc.insecure_channel(address) as channel:
        forecast = httpx.post(f"{service.url}/predict", json=EXAMPLE).json()
        probability, prediction = infer(channel).outputs
        assert list(prediction.contents.bytes_contents) == [forecast["prediction"].encode()]
        assert list(probability.contents.fp32_contents) == pytest.approx([forecast["probability"]], abs=1e-6)
        with pytest.raises(grpc.RpcError):
            infer(channel, {**EXAMPLE, "humidity": 83})
        metrics = httpx.get(f"{service.url}/metrics").text
    for status in (200, 400):
        endpoint = f'endpoint="/{SERVICE}/ModelInfer",http_response_code="{status}"'
        assert re.search(rf"bentoml_service_request_total{{{re.escape(endpoint)},.*}} 1.0", metrics), status
    assert 'adaptive_batch_size_count{method_name="predict"' in metrics
    forecasts = re.findall(r"rain_forecast_forecasts_total{.*} (\d+)", metrics)
    assert sum(map(int, forecasts)) == 2, "one by HTTP and one by gRPC"


@pytest.mark.slow("a service of its own")
def test_a_model_that_failed_its_check_is_not_ready_in_either_protocol(
    bentoml_home: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(bentoml_home, tmp_path / "home")
    next((home / "models" / "weather-classifier").glob("*/compiled.onnx")).unlink()
    with listening(home, ready=False) as (service, address), grpc.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest()
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=PATIENCE, wait_for_ready=True)
        assert answer.status == NOT_READY
        with pytest.raises(grpc.RpcError) as refused:
            infer(channel)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert httpx.get(f"{service.url}/v2/health/ready").status_code == 503


def test_tls_and_keys_are_those_of_http(
    bentoml_home: Path, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"test:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    file, key = certificate
    with listening(
        bentoml_home,
        {"WEATHER_API_KEYS_FILE": str(keys)},
        flags=("--ssl-certfile", str(file), "--ssl-keyfile", str(key)),
        trust=ssl.create_default_context(cafile=file),
    ) as (_, address):
        with grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read_bytes())) as channel:
            assert infer(channel, metadata=[("x-api-key", KEY)]).outputs
            with pytest.raises(grpc.RpcError) as error:
                infer(channel)
            assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as error:
            infer(channel, wait_for_ready=False)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.slow("starts workers")
def test_several_workers_share_the_port(bentoml_home: Path) -> None:
    options = "services.rain_forecast.workers=2"
    with listening(bentoml_home, {"BENTOML_CONFIG_OPTIONS": options}) as (service, address):
        workers = [
            child
            for child in psutil.Process(service.process.pid).children()
            if "worker" in " ".join(child.cmdline())
        ]
        assert len(workers) == 2
        port = int(address.rpartition(":")[2])
        for each in workers:  # the service is ready when the first one is
            until(lambda: port in [c.laddr.port for c in each.net_connections("tcp")])  # noqa: B023
        for _ in range(8):  # the kernel gives each connection to one of the two
            with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
                assert infer(channel).outputs


@pytest.mark.slow("waits for a lame duck")
def test_sigterm_drains_grpc_as_it_does_http(bentoml_home: Path) -> None:
    async def go(address: str, process: subprocess.Popen[bytes]) -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
            assert (await watch.read()).status == READY
            process.send_signal(signal.SIGTERM)
            assert (await watch.read()).status == NOT_READY
            assert (await infer(channel)).outputs, "in the lame-duck period calls are answered"

    with listening(bentoml_home, {"WEATHER_LAME_DUCK_SECONDS": "600"}) as (service, address):
        process = worker(service)
        asyncio.run(go(address, service.process))
        process.send_signal(signal.SIGTERM)  # the second one ends the period
        assert service.process.wait(PATIENCE) == 0


@pytest.mark.slow("starts two services")
def test_a_port_that_is_taken_is_not_shared_with_another_service(bentoml_home: Path, tmp_path: Path) -> None:
    with listening(bentoml_home) as (_, address), (tmp_path / "log").open("wb") as log:
        port = address.rpartition(":")[2]
        with (
            pytest.raises(RuntimeError, match="ended with exit code"),
            running(bentoml_home, env={"WEATHER_GRPC_PORT": port}, log=log),
        ):
            pass
    assert f"can't listen on 127.0.0.1 port {port}" in (tmp_path / "log").read_text()


PROGRAM = """
import asyncio, sys
import service

async def lifespan(app):
    messages = asyncio.Queue()
    sent = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan"}, messages.get, sent.put))
    for message in ("startup", "shutdown"):
        await messages.put({"type": f"lifespan.{message}"})
        assert (await sent.get())["type"] == f"lifespan.{message}.complete"
    await task

asyncio.run(lifespan(service.RainForecast.to_asgi()))
print("imported", *sorted({name.partition(".")[0] for name in sys.modules if name.startswith("grpc")}))
"""


def python(program: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program beside ``service.py``."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, "BENTOML_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_grpc_is_imported_only_if_it_has_a_port(bentoml_home: Path) -> None:
    without = python(PROGRAM, bentoml_home)
    assert without.stdout.splitlines()[-1] == "imported", without.stderr
    with_port = python(PROGRAM, bentoml_home, WEATHER_GRPC_PORT=str(free_port()))
    assert with_port.stdout.splitlines()[-1] == "imported grpc grpc_health grpc_reflection", with_port.stderr


def test_a_port_without_the_packages_ends_with_a_sentence(bentoml_home: Path) -> None:
    program = "import sys; sys.modules['grpc_health'] = None; import service"
    done = python(program, bentoml_home, WEATHER_GRPC_PORT="3001")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "The service can't start: WEATHER_GRPC_PORT is set, but gRPC is not installed: "
        "pip install -r requirements/grpc.lock"
    )
