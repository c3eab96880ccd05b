"""The service in one process, as the image runs it: ``python -m weather.serving.single_process BENTO``.

BentoML's supervisor restarts no worker in a container, and it costs a second import of everything. Here
its worker runs without it: the same app, start-up checks, signals, lame-duck period and metrics. It
depends on the command line of the worker; ``tests/serving/test_single_process.py`` fails when an upgrade
of BentoML changes that.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

import click

BACKLOG = 2048
"""Connections that wait to be accepted, as in BentoML."""

# Absolute, because the worker changes its working directory to the Bento's source.
FILE = click.Path(resolve_path=True)


@click.command("single-process", help="Serve a Bento or a folder on one port, in one process.")
@click.argument("bento", type=FILE)
@click.option("--host", envvar="BENTOML_HOST")
@click.option("--port", envvar="BENTOML_PORT", type=int)
@click.option("--ssl-certfile", type=FILE)
@click.option("--ssl-keyfile", type=FILE)
@click.option("--ssl-keyfile-password")
@click.option("--ssl-version", type=int)
@click.option("--ssl-cert-reqs", type=int)
@click.option("--ssl-ca-certs", type=FILE)
@click.option("--ssl-ciphers")
@click.option("--timeout-keep-alive", type=int)
@click.option("--timeout-graceful-shutdown", type=int)
def main(bento: str, **options: Any) -> None:
    """Check what can be checked, bind the port, and become the worker."""
    # The imports make many objects and few reference cycles; looking for those takes 3 % of the start.
    gc.set_threshold(10_000)
    folder = os.path.join(tempfile.gettempdir(), f"service-{uuid4().hex}")
    # Process 1 of a container ignores a signal that it does not handle.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end(folder))
    # Registered before it is made: a signal between the two would leave the folder behind.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.mkdir(folder, mode=0o700)
    tempfile.tempdir = folder
    metrics = os.path.join(folder, "metrics")
    os.mkdir(metrics)
    # Before the Prometheus client is imported: BentoML's metrics expect its files.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics

    from weather.model import bentoml_configuration

    try:
        bentoml_configuration.check()
    except bentoml_configuration.BadConfiguration as reason:
        raise click.ClickException(str(reason)) from None

    from _bentoml_impl.loader import load
    from _bentoml_impl.server.serving import server_on_deployment
    from _bentoml_impl.worker import service as worker
    from bentoml._internal.log import configure_server_logging

    from weather.serving import serve_command

    configure_server_logging()  # type: ignore[no-untyped-call]
    service = load(bento, standalone_load=True)
    service.inject_config()
    options = with_configuration(options)
    serve_command.check_single_process(service, {"bento": bento, **options})
    server_on_deployment(service)
    host, port = options.pop("host"), options.pop("port")
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    arguments = [bento, "--fd", str(listener.detach()), "--service-name", service.name, "--worker-id", "1"]
    for name, value in options.items():
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    worker.main(arguments)


def end(folder: str) -> None:
    """On SIGTERM and SIGINT: end with exit code 0, and remove the folder of all temporary files.

    While the service runs, uvicorn handles them, and raises them again when it has shut down.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # It starts. An exception is not enough: Python ignores those in callbacks, of which each import has
        # one, and about one start of 100 went on.
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    sys.exit(0)


def with_configuration(options: dict[str, Any]) -> dict[str, Any]:
    """The options, those that are missing from BentoML's configuration, as `bentoml serve` has them."""
    from bentoml._internal.configuration.containers import BentoMLContainer

    configured = {"host": BentoMLContainer.http.host.get(), "port": BentoMLContainer.http.port.get()}
    if BentoMLContainer.ssl.certfile.get():
        configured |= {f"ssl_{name}": value for name, value in BentoMLContainer.ssl.get().items()}
    return {name: configured.get(name) if value is None else value for name, value in options.items()}


if __name__ == "__main__":
    main()
