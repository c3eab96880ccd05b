"""The service in one process, as the image runs it: ``python -m weather.serving.single_process BENTO``.

BentoML's supervisor restarts no worker in a container, and it costs a second import of everything. Here
its worker runs without it: the same app, start-up checks, signals, lame-duck period and metrics. It
depends on the command line of the worker; ``tests/serving/test_single_process.py`` fails when an upgrade
of BentoML changes that.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from ipaddress import ip_address
from typing import Any

import click

BACKLOG = 2048
"""Connections that wait to be accepted, as in BentoML."""


@click.command("single-process", help="Serve a Bento or a folder on one port, in one process.")
@click.argument("bento")
@click.option("--host", envvar="BENTOML_HOST", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="BENTOML_PORT", type=int, default=3000, show_default=True)
@click.option("--ssl-certfile")
@click.option("--ssl-keyfile")
@click.option("--ssl-keyfile-password")
@click.option("--ssl-ca-certs")
@click.option("--ssl-ciphers")
@click.option("--timeout-keep-alive", type=int)
@click.option("--timeout-graceful-shutdown", type=int)
def main(bento: str, host: str, port: int, **options: Any) -> None:
    """Check what can be checked, bind the port, and become the worker."""
    metrics = tempfile.mkdtemp(prefix="metrics-")
    atexit.register(shutil.rmtree, metrics, ignore_errors=True)
    # Before the Prometheus client is imported: BentoML's metrics expect its files.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics

    from _bentoml_impl.loader import load
    from _bentoml_impl.server.serving import server_on_deployment
    from _bentoml_impl.worker import service as worker
    from bentoml._internal.log import configure_server_logging

    from weather.serving import serve_command

    configure_server_logging()  # type: ignore[no-untyped-call]
    service = load(bento, standalone_load=True)
    service.inject_config()
    serve_command.check_single_process(service, {"bento": bento, "host": host, "port": port, **options})
    server_on_deployment(service)
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    given = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items() if value]
    arguments = [bento, "--fd", str(listener.detach()), "--service-name", service.name, "--worker-id", "1"]
    worker.main([*arguments, *(word for pair in given for word in pair)])


if __name__ == "__main__":
    main()
