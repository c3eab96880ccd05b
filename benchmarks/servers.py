"""The servers of the comparison: command, paths of readiness and prediction, form of the body."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parent.parent
MLSERVER = PROJECT / ".venv-mlserver" / "bin" / "mlserver"
UVICORN = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--no-access-log", "--log-level", "error"]
GRANIAN = [
    *(sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--workers", "1"),
    *("--no-access-log", "--log-level", "error", "--host", "127.0.0.1"),
]
BENTOML = [sys.executable, "-m", "bentoml", "serve", "--host", "127.0.0.1"]


@dataclass(frozen=True)
class Server:
    """The port is appended to ``command``; ``bodies`` is "flat" or "v2" (the Open Inference Protocol).

    With ``grpc`` the load goes to the next port by gRPC; readiness is asked by HTTP all the same.
    ``commit`` is that of the project's history whose code is served, instead of this folder's.
    """

    name: str
    command: list[str]
    ready: str
    path: str = "/predict"
    bodies: str = "flat"
    commit: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    grpc: bool = False

    @property
    def is_mlserver(self) -> bool:
        """Whether this is MLServer, which reads port and model from files."""
        return self.command[0] == str(MLSERVER)


def uvicorn(name: str, module: str) -> Server:
    """A peer on uvicorn, which selects uvloop and httptools by default."""
    return Server(name, [*UVICORN, f"benchmarks.peers.{module}:app", "--port"], "/openapi.json")


def bento(name: str, what: str, **environment: str) -> Server:
    """A BentoML service."""
    return Server(name, [*BENTOML, what, "--port"], "/readyz", environment=environment)


def ours_v2(name: str, grpc: bool = False) -> Server:
    """Our service, asked by the Open Inference Protocol."""
    path = "/v2/models/rain_forecast/infer"
    return Server(name, [*BENTOML, "service:RainForecast", "--port"], "/readyz", path, "v2", grpc=grpc)


OURS = "this service"
PREVIOUS = "1ae9d80"
"""The commit of the previous release."""
TUNED = "FastAPI, hand-tuned"

PEERS = [
    Server("bare uvicorn, constant answer", [*UVICORN, "benchmarks.peers.bare:app", "--port"], "/"),
    bento(OURS, "service:RainForecast"),
    ours_v2(f"{OURS}, V2 protocol"),
    ours_v2(f"{OURS}, V2 protocol by gRPC", grpc=True),
    Server(
        "the previous release",
        [*BENTOML, "service:RainForecast", "--port"],
        "/readyz",
        commit=PREVIOUS,
    ),
    uvicorn(TUNED, "fastapi_tuned"),
    Server(
        f"{TUNED}, on granian", [*GRANIAN, "benchmarks.peers.fastapi_tuned:app", "--port"], "/openapi.json"
    ),
    uvicorn("FastAPI with equal features", "fastapi_equal"),
    uvicorn("the old FastAPI app", "old_app"),
    bento("BentoML as a beginner writes it", "benchmarks.peers.bento_beginner:Beginner"),
    bento("BentoML's wrapper pattern", "benchmarks.peers.bento_wrapper:Wrapper"),
    Server("LitServe, batching", [sys.executable, "-m", "benchmarks.peers.litserve_peer"], "/health"),
    Server(
        "MLServer (V2 protocol)",
        [str(MLSERVER), "start"],
        "/v2/health/ready",
        "/v2/models/rain/infer",
        "v2",
    ),
]

ABLATIONS = [
    bento(f"… without {what}", "benchmarks.ablations:RainForecast", WITHOUT=what)
    for what in (
        "the frozen heap",
        "leaving out idle tracing",
        "the kept metric series",
        "the deadline without a task",
        "the graph rewrite",
        "switching the access log off",
    )
]
ABLATIONS.append(
    bento("… with BentoML's dispatcher", "benchmarks.ablations:RainForecast", WITHOUT="the batching queue")
)


def folder_of(server: Server, home: Path) -> Path:
    """Where the server's code is."""
    return home / server.commit if server.commit else PROJECT


def store_of(server: Server, home: Path) -> Path:
    """The server's BENTOML_HOME; another release may not read our models."""
    return home / f"bentoml{server.commit}"


def environment_of(server: Server, home: Path, port: int) -> dict[str, str]:
    """Environment variables of the server's process; MLServer reads port and model from files."""
    environment = {
        **os.environ,
        "BENTOML_HOME": str(store_of(server, home)),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONPATH": str(folder_of(server, home)),
        "OMP_NUM_THREADS": "1",
        **server.environment,
    }
    if server.grpc:
        environment["WEATHER_GRPC_PORT"] = str(port + 1)
    if server.is_mlserver:
        folder = home / "mlserver"
        folder.mkdir(exist_ok=True)
        runtime = PROJECT / "benchmarks" / "peers" / "mlserver" / "runtime.py"
        (folder / "runtime.py").write_bytes(runtime.read_bytes())
        settings = {
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": port + 1,
            "metrics_port": port + 2,
            "parallel_workers": 0,  # one process: with worker processes it had half the throughput here
            "debug": False,
            "use_structured_logging": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(
            json.dumps({"name": "rain", "implementation": "runtime.Rain"})
        )
        environment |= {"COMPILED_MODEL": str(home / "compiled.onnx"), "PYTHONPATH": str(folder)}
    return environment
