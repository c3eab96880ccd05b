"""What an operator sets by environment variables; ``service.py`` reads them once, when it is imported.

``python -m weather.http.settings`` prints the table in docs/settings.md.
"""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AnyHttpUrl, BeforeValidator, Field, IPvAnyAddress, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from weather.contract.names import CLASSIFIER

ORIGIN = r"^(\*|https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?)$"
"""An origin as browsers send it: no path, no slash at the end."""


PREFIX = "WEATHER_"

CHALLENGER = rf"^{CLASSIFIER}:[A-Za-z0-9._-]+$"


def words(value: object) -> object:
    """The parts of a text, which blanks or commas separate."""
    return re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value


LOOPBACK = IPv4Address("127.0.0.1")


class BadSetting(ValueError):
    """An environment variable has a value that is not accepted; the message says which and what is."""


class Settings(BaseSettings):
    """The settings of the service.

    Environment variables only. No ``.env`` file is read: Compose, systemd and Kubernetes each read
    one themselves, and a file that happens to be in the working directory would change a service
    unnoticed. An empty value counts as unset, except for the file of API keys.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, use_attribute_docstrings=True)

    lame_duck_seconds: Annotated[float, Field(ge=0, le=600, validation_alias="WEATHER_LAME_DUCK_SECONDS")] = 0
    """Time from SIGTERM to the shutdown: `/readyz` is 503, other requests are answered. The image sets 5."""

    api_keys_file: Annotated[Path | None, Field(validation_alias="WEATHER_API_KEYS_FILE")] = None
    """File of the accepted API keys. Without it requests need no key."""

    cors_origins: Annotated[
        tuple[Annotated[str, Field(pattern=ORIGIN)], ...],
        NoDecode,
        BeforeValidator(words),
        Field(validation_alias="WEATHER_CORS_ORIGINS"),
    ] = ()
    """Origins whose web pages may call the service, separated by blanks or commas; `*` for every page
    ([operations.md](operations.md#calls-from-web-pages)). Without it no page of another origin can."""
    grpc_port: Annotated[int | None, Field(ge=1, le=65535, validation_alias="WEATHER_GRPC_PORT")] = None
    """Port for gRPC ([clients.md](clients.md#open-inference-protocol)). Without it gRPC is off."""

    grpc_host: Annotated[IPvAnyAddress, Field(validation_alias="WEATHER_GRPC_HOST")] = LOOPBACK
    """Address on which gRPC listens."""

    follow_latest: Annotated[float, Field(ge=0, le=3600, validation_alias="WEATHER_FOLLOW_LATEST")] = 0
    """Interval at which the service looks for another latest model in the store and serves it without a
    restart ([operations.md](operations.md#another-model-without-a-restart)). With 0 it does so on SIGHUP
    only."""

    challenger: Annotated[str | None, Field(pattern=CHALLENGER, validation_alias="WEATHER_CHALLENGER")] = None
    """Another classifier in the store, which computes what is asked a second time, after the answer
    ([drift.md](drift.md#a-challenger))."""

    challenger_share: Annotated[float, Field(ge=0, le=1, validation_alias="WEATHER_CHALLENGER_SHARE")] = 1
    """Share of the batches that the challenger computes."""

    log_format: Annotated[Literal["text", "json"], Field(validation_alias="WEATHER_LOG_FORMAT")] = "text"
    """BentoML's text lines, or one JSON object per line ([logging.md](logging.md))."""

    forecast_log_rate: Annotated[float, Field(ge=0, le=1, validation_alias="WEATHER_FORECAST_LOG_RATE")] = 0
    """Share of forecasts logged with their inputs, for the drift report ([drift.md](drift.md))."""

    otlp_endpoint: Annotated[AnyHttpUrl | None, Field(validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = None
    """OpenTelemetry collector for traces, OTLP over HTTP, as `http://127.0.0.1:4318`. Without it tracing is
    off. Other exporters: `services.rain_forecast.tracing` in BentoML's configuration."""

    trace_rate: Annotated[float, Field(ge=0, le=1, validation_alias="OTEL_TRACES_SAMPLER_ARG")] = 1
    """Share of requests traced, of those that do not carry a sampling decision themselves."""


def read_settings() -> Settings:
    """The settings from the environment.

    Raises:
        BadSetting: one sentence that names each variable in error and what it accepts.
    """
    if os.environ.get("WEATHER_API_KEYS_FILE") == "":  # as unset it would open the service to everybody
        raise BadSetting("WEATHER_API_KEYS_FILE is empty: give the path of a file, or unset it")
    try:
        return Settings()
    except ValidationError as error:
        fields = {field.validation_alias: field for field in Settings.model_fields.values()}
        sentences = [
            f"{item['loc'][0]} is {item['input']!r}: give {accepted(fields[str(item['loc'][0])])}"
            for item in error.errors()
        ]
        raise BadSetting("; ".join(sentences)) from None


def unknown_variables() -> list[str]:
    """A sentence for each variable of the environment that looks like a setting and is none.

    Not a fault: somebody else's variable may begin so, as those do that Kubernetes makes for a Service.
    """
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    sentences = []
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            meant = get_close_matches(name.upper(), known, 1)
            hint = f"; {meant[0]} is one" if meant else ""
            sentences.append(f"{name} is not a setting and has no effect{hint}")
    return sentences


def accepted(field: FieldInfo) -> str:
    """The values of a setting, in words."""
    choices = get_args(field.annotation)
    if get_origin(field.annotation) is Literal:
        return " or ".join(choices)
    if AnyHttpUrl in choices:
        return "an http or https URL"
    if field.validation_alias == "WEATHER_CORS_ORIGINS":
        return "origins like https://example.org, or *"
    if field.validation_alias == "WEATHER_CHALLENGER":
        return f"{CLASSIFIER}:VERSION"
    if field.validation_alias == "WEATHER_GRPC_HOST":
        return "an IP address"
    if Path in choices:
        return "the path of a file"
    bounds: dict[str, Any] = {type(bound).__name__: bound for bound in field.metadata}
    unit = "seconds" if str(field.validation_alias).endswith(("_SECONDS", "_LATEST")) else "a number"
    return f"{unit} from {bounds['Ge'].ge:g} to {bounds['Le'].le:g}"


def table() -> str:
    """The settings as a Markdown table."""
    rows = []
    for field in Settings.model_fields.values():
        default = "" if field.default in (None, ()) else field.default
        meaning = " ".join(str(field.description).split())
        rows.append(f"| `{field.validation_alias}` | {accepted(field)} | {default} | {meaning} |")
    return "\n".join(["| variable | accepts | default | meaning |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
