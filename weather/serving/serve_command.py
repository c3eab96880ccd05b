"""What the supervisor does of ours when `bentoml serve` runs: check, make the run folder, pin the models.

BentoML calls ``Service.inject_config`` in `bentoml serve` before it touches anything: the folder of
metrics is emptied, the models are resolved and the port is bound after that. When an upgrade of BentoML
changes what this relies on, ``tests/serving/test_preflight.py`` and ``test_supervision.py`` fail.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from _bentoml_sdk import Service
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.configuration.helpers import get_default_config
from bentoml._internal.configuration.v2 import SCHEMA
from bentoml._internal.utils.analytics import usage_stats
from bentoml.exceptions import BentoMLException, NotFound
from schema import Optional
from tornado.ioloop import IOLoop
from yaml import YAMLError

from weather.contract.names import CLASSIFIER
from weather.http.api_keys import ApiKeys
from weather.http.settings import read_settings, unknown_variables
from weather.serving import grpc, preflight, run_folder, supervision
from weather.serving.announcement import Address, announce
from weather.serving.latest import POLL_SECONDS, Latest

log = logging.getLogger("bentoml.weather")

SUPERVISOR = "serve"
"""The command of BentoML that becomes the supervisor."""


def no_tracking() -> None:
    """Have BentoML send no usage data, unless the environment says that it may.

    In effect also where `bentoml` was started without our Makefile: what it sends, it sends later.
    """
    os.environ.setdefault(usage_stats.BENTOML_DO_NOT_TRACK, "True")
    usage_stats.do_not_track.cache_clear()


def prepare(service: Service[Any]) -> None:
    """In the supervisor of `bentoml serve`: check, and make ready what the workers share.

    Raises:
        Refusal: the service must not be started.
    """
    command = click.get_current_context(silent=True)
    if command is None or command.command.name != SUPERVISOR:
        return
    check_options(service.name, command.params, requires_keys(service))
    home = BentoMLContainer.bentoml_home.get()
    tags = model_tags(service)
    models = preflight.check_models(resolved(tags), home)
    try:
        folder = run_folder.create(Path(home), models)
    except OSError as error:
        raise preflight.Refusal(f"no folder for the service's metrics can be made: {error}") from None
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder.metrics))

    latest = Latest(models[CLASSIFIER], read_settings().follow_latest)

    def poll() -> None:
        tag = latest.poll()
        if tag is not None:
            try:
                folder.request(tag)
            except OSError as reason:
                log.error("The models stay as they are: %s", reason)

    supervision.supervise(latest.request, poll, POLL_SECONDS)
    host, port = listening(command.params)
    if command.params["ssl_cert_reqs"] != ssl.CERT_REQUIRED:  # else we could not ask ourselves
        uses_tls = bool(tls(command.params).certificate)
        IOLoop.current().add_callback(announce, Address(host, port, uses_tls, requires_keys(service)))


def check_single_process(service: Service[Any], options: dict[str, Any]) -> None:
    """The checks before a start in one process; ``options`` are those of ``single_process``.

    Raises:
        Refusal: the service must not be started.
    """
    check_options(service.name, options, keys=requires_keys(service))
    workers = BentoMLContainer.config.services.get()[service.name]["workers"] or 1
    if workers != 1:
        raise preflight.Refusal(
            f"services.{service.name}.workers is {workers}, and this is one process: "
            "run one container for each worker"
        )
    if BentoMLContainer.ssl.enabled.get() and not tls(options).certificate:
        raise preflight.Refusal(
            f"services.{service.name}.ssl.enabled is true, and there is no certificate: set --ssl-certfile"
        )
    preflight.check_models(resolved(model_tags(service)), BentoMLContainer.bentoml_home.get())


def requires_keys(service: Service[Any]) -> bool:
    """Whether the service requires API keys."""
    return any(kind is ApiKeys for kind, _ in service.middlewares)


def model_tags(service: Service[Any]) -> list[str]:
    """The tags of the service's models, as strings: looking a tag up changes `latest` in it."""
    return [str(model.tag) for model in (service.bento.info.all_models if service.bento else service.models)]


def check_options(name: str, options: dict[str, Any], keys: bool) -> None:
    """Check the options of the command and BentoML's configuration of the service ``name``.

    Raises:
        Refusal: see ``preflight``.
    """
    host, port = listening(options)
    preflight.check_port(host, port)
    preflight.check_tls(tls(options), working_folder(options))
    settings = read_settings()
    grpc.check(settings, (host, port), tls(options).password)
    services = BentoMLContainer.config.services.get()
    known = get_default_config(version=2)["services"]
    preflight.check_configuration(services, known, name, SCHEMA.schema["services"][Optional(str)])
    used = [f"--{option.replace('_', '-')}" for option, value in options.items() if value is not None]
    warnings = unknown_variables() + preflight.warnings(host, keys, used)
    if settings.grpc_port is not None:
        warnings += preflight.warnings(str(settings.grpc_host), keys, command_line=())
    for warning in dict.fromkeys(warnings):
        log.warning(warning)


def listening(options: dict[str, Any]) -> tuple[str, int]:
    """Host and port of HTTP."""
    host = given(options["host"], BentoMLContainer.http.host.get())
    return host, given(options["port"], BentoMLContainer.http.port.get())


def given(option: Any, default: Any) -> Any:
    """An option of the command, or what it is without."""
    return default if option is None else option


def resolved(tags: Iterable[str]) -> dict[str, str | None]:
    """For each model's name the tag in the store, ``latest`` resolved; None if the store lacks it.

    Raises:
        Refusal: a model in the store can't be read.
    """
    store = BentoMLContainer.model_store.get()
    found: dict[str, str | None] = {}
    for tag in tags:
        name = tag.partition(":")[0]
        try:
            found[name] = str(store.get(tag).tag)
        except NotFound:
            found[name] = None
        except (BentoMLException, YAMLError):
            raise preflight.Refusal(
                f"{tag} in the model store can't be read: run `make import`, which writes it again"
            ) from None
    return found


def tls(options: dict[str, Any]) -> preflight.Tls:
    """Options of the command, or of BentoML's configuration."""
    of = BentoMLContainer.ssl
    return preflight.Tls(
        given(options["ssl_certfile"], of.certfile.get()),
        given(options["ssl_keyfile"], of.keyfile.get()),
        given(options["ssl_keyfile_password"], of.keyfile_password.get()),
        given(options["ssl_ca_certs"], of.ca_certs.get()),
        given(options["ssl_ciphers"], of.ciphers.get()),
    )


def working_folder(options: dict[str, Any]) -> Path:
    """Where the workers run, as `bentoml serve` has it."""
    bento = Path(options["bento"]).expanduser()
    return Path(options.get("working_dir") or (bento if bento.is_dir() else "."))
