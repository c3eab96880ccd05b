"""What is checked before `bentoml serve` starts a worker.

A worker that can't start is started again and again, while its clients wait without an answer. And some
mistakes are not noticed at all: BentoML ignores names in its configuration that it does not know.
Each check raises ``Refusal``, which ends the command with one sentence.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from schema import Schema, SchemaError


class Refusal(click.ClickException):
    """The service must not be started; the message says why and what to do."""


@dataclass(frozen=True)
class Tls:
    """The TLS options of `bentoml serve`."""

    certificate: str | None
    key: str | None
    password: str | None
    authorities: str | None
    ciphers: str | None


def check_port(host: str, port: int) -> None:
    """Bind and listen, then close.

    Raises:
        Refusal: the port is taken, or the address is not one of this machine.
    """
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        raise Refusal(f"the host must be an IP address, as 127.0.0.1 or 0.0.0.0, not {host}") from None
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as circus does
        try:
            probe.bind((host, port))
            probe.listen()
        except OverflowError:
            raise Refusal(f"the port must be a number up to 65535, not {port}") from None
        except OSError as error:
            reason = {
                errno.EADDRINUSE: "another program listens there; stop it or choose another port",
                errno.EACCES: "this user may not listen there; choose a port from 1024 on",
                errno.EADDRNOTAVAIL: "this machine does not have that address",
            }.get(error.errno or 0, os.strerror(error.errno or 0))
            raise Refusal(f"can't listen on {host} port {port}: {reason}") from None


def check_tls(options: Tls, folder: Path) -> None:
    """Load certificate and key as the workers will; relative paths start at ``folder``.

    Raises:
        Refusal: a file can't be read, is not what it should be, or the two don't belong together.
    """
    if not options.certificate:
        if options.key:
            raise Refusal("--ssl-keyfile needs --ssl-certfile")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = [options.certificate, options.key, options.authorities]
    for name in filter(None, files):
        try:
            (folder / name).read_bytes()
        except OSError as error:
            raise Refusal(f"TLS: {folder / name} can't be read: {error.strerror}") from None
    try:
        context.load_cert_chain(
            folder / options.certificate,
            folder / options.key if options.key else None,
            # with None, OpenSSL asks the terminal
            lambda: options.password or "",
        )
    except ssl.SSLError as error:
        raise Refusal(
            f"TLS: {options.certificate} and {options.key or 'the key in it'} can't be used: {reason(error)}"
        ) from None
    try:
        if options.authorities:
            context.load_verify_locations(folder / options.authorities)
        if options.ciphers:
            context.set_ciphers(options.ciphers)
    except ssl.SSLError as error:
        raise Refusal(f"TLS: --ssl-ca-certs or --ssl-ciphers can't be used: {reason(error)}") from None


def reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for it, where there is one."""
    return str(getattr(error, "reason", None) or error)


def check_configuration(
    services: Mapping[str, Any], known: Collection[str], name: str, schema: Mapping[Any, Any]
) -> None:
    """Look for names that BentoML ignores.

    ``services`` is that part of BentoML's configuration, ``known`` what may stand in it beside the
    service's ``name``, ``schema`` BentoML's own for one service.

    Raises:
        Refusal: the name of a service or of an option is not known, or CORS is set the other way.
    """
    for other in sorted(services.keys() - {name, *known}):
        raise Refusal(
            f"BentoML's configuration has services.{other}, which is not known: this service is {name}"
        )
    try:
        Schema(schema, ignore_extra_keys=False).validate(services[name])
    except SchemaError as error:
        where = " ".join(str(part).partition(" in {")[0] for part in error.autos if part)
        raise Refusal(f"BentoML's configuration of services.{name} is wrong: {where}") from None
    if services[name]["http"]["cors"]["enabled"]:
        raise Refusal(f"services.{name}.http.cors has no effect on errors; set WEATHER_CORS_ORIGINS instead")


def check_models(models: Mapping[str, str | None], home: str) -> dict[str, str]:
    """The tag of each model, by name; ``models`` has None for one that the store lacks.

    Raises:
        Refusal: the store lacks one.
    """
    in_store = {name: tag for name, tag in models.items() if tag is not None}
    missing = " and no ".join(sorted(models.keys() - in_store))
    if missing:
        raise Refusal(f"the model store in {home} has no {missing}: run `make import` first")
    return in_store


def warnings(host: str, keys: bool, command_line: Iterable[str]) -> list[str]:
    """What does not keep the service from starting but should be known."""
    messages = [
        f"{option} has no effect on this service: set {setting} in BentoML's configuration"
        for option, setting in IGNORED.items()
        if option in command_line
    ]
    if not keys and not ipaddress.ip_address(host).is_loopback:
        messages.append(f"listening on {host} without API keys: everybody who reaches it may ask")
    return messages


IGNORED = {
    "--api-workers": "services.rain_forecast.workers",
    "--timeout": "services.rain_forecast.traffic.timeout",
}
"""Options that `bentoml serve` takes and services like this one do not see, and what to set instead."""
