"""The gRPC server of a worker, if a port is set for it."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weather.http.api_keys import Keys
from weather.http.settings import BadSetting, Settings
from weather.open_inference.model import InferenceModel
from weather.serving import preflight

if TYPE_CHECKING:
    from weather.open_inference.grpc_server import GrpcServer, Tls


def check_installed(settings: Settings) -> None:
    """Refuse a port for gRPC where its packages are missing.

    Raises:
        BadSetting: says how to install them.
    """
    packages = ("grpc", "grpc_health", "grpc_reflection")
    if settings.grpc_port is not None and not all(map(find_spec, packages)):
        raise BadSetting(
            "WEATHER_GRPC_PORT is set, but gRPC is not installed: pip install -r requirements/grpc.lock"
        )


def check(settings: Settings, http: tuple[str, int], password: str | None) -> None:
    """In the supervisor of `bentoml serve`: refuse what would fail in each worker.

    ``http`` has the host and port of HTTP, ``password`` is that of its TLS key.

    Raises:
        Refusal: the port can't be listened on, or gRPC can't read the key.
    """
    if settings.grpc_port is None:
        return
    if settings.grpc_port == http[1]:
        raise preflight.Refusal(f"WEATHER_GRPC_PORT is {settings.grpc_port}, which is the port of HTTP")
    preflight.check_port(str(settings.grpc_host), settings.grpc_port)
    if password:
        raise preflight.Refusal(
            "gRPC can't read a TLS key that has a password: give a key without, or unset WEATHER_GRPC_PORT"
        )


async def start_grpc(
    settings: Settings,
    model: Callable[[], InferenceModel],
    count: Callable[[str, int, float], None],
    seconds: float,
    shared_port: bool,
) -> GrpcServer:
    """The server, listening; TLS and keys are those of HTTP.

    Raises:
        RuntimeError: the port can't be listened on.
    """
    # 0.2 s of import and some megabytes of memory that a service without gRPC does not pay.
    from weather.open_inference.grpc_server import GrpcServer

    host = str(settings.grpc_host)
    server = GrpcServer(
        model,
        f"[{host}]:{settings.grpc_port}" if ":" in host else f"{host}:{settings.grpc_port}",
        count,
        seconds,
        keys=Keys(settings.api_keys_file) if settings.api_keys_file else None,
        tls=tls_of_worker(),
        shared_port=shared_port,
    )
    await server.start()
    # RainForecast.freeze_heap ran before gRPC was imported.
    gc.freeze()
    return server


def tls_of_worker() -> Tls | None:
    """The certificate and key that BentoML has started this worker with, for HTTP."""
    from weather.open_inference.grpc_server import Tls

    context = click.get_current_context(silent=True)
    options: dict[str, Any] = context.params if context is not None else {}
    certificate = options.get("ssl_certfile")
    if not certificate:
        return None
    key = options.get("ssl_keyfile") or certificate
    clients = options.get("ssl_ca_certs") if options.get("ssl_cert_reqs") == ssl.CERT_REQUIRED else None
    authorities = Path(clients).read_bytes() if clients else None
    return Tls(Path(certificate).read_bytes(), Path(key).read_bytes(), authorities)
