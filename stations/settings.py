"""The service's settings, from environment variables that begin with ``STATIONS_``.

``python -m stations.settings`` prints the table in docs/settings.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "STATIONS_"


class Settings(BaseSettings):
    """The settings of the service; each is documented below its field."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address on which the service listens."""

    port: Annotated[int, Field(ge=0, le=65535)] = 3100
    """Its port; 0 for any free one."""

    database: str = "sqlite:///stations.db"
    """SQLAlchemy's URL; PostgreSQL: `postgresql+psycopg://USER:PASSWORD@HOST/NAME`."""

    forecast_url: str = "http://127.0.0.1:3000"
    """Address of the forecast service."""

    forecast_key: str = ""
    """API key for the forecast service, if it requires one."""

    forecast_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 12
    """Timeout of a bulk request; the forecast service itself gives up after 10 s."""

    batch_rows: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Hours in one bulk request: about 5 ms of the forecast service's time."""

    wait_seconds: Annotated[float, Field(ge=0, le=30)] = 2
    """How long a response waits for the forecast after the report has been stored."""

    retry_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """The pause after the first failed request; it doubles with each further failure."""

    retry_max_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    """The longest pause."""

    breaker_failures: Annotated[int, Field(ge=1)] = 3
    """Failures in a row that open the circuit breaker; then one request at a time probes the service."""

    assumed_visibility_km: Annotated[float, Field(ge=0, le=100)] = 16.09
    """Used for stations that don't measure visibility, if the model requires it: 10 miles, the most that
    US stations report, and the value of 9 in 10 hours of the default training data."""

    reports_days: Annotated[float, Field(ge=0)] = 30
    """Single reports are deleted after this many days; 0 keeps them forever."""

    hours_days: Annotated[float, Field(ge=0)] = 800
    """Hours, forecasts and verdicts are deleted after this many days; 0 keeps them forever."""

    keys_file: Path | None = None
    """File of the [API keys](stations.md#keys). Without it everybody may send for every station."""

    max_body_bytes: Annotated[int, Field(ge=1024)] = 4 * 1024 * 1024
    """Limit of the size of a body (413)."""

    max_reports: Annotated[int, Field(ge=1)] = 10_000
    """Limit of reports in one request (400)."""

    max_pending_reports: Annotated[int, Field(ge=1)] = 20_000
    """Limit of reports that wait to be written; more are refused (429)."""

    max_stations: Annotated[int, Field(ge=1)] = 100_000
    """Limit of stations; further names are refused (400), so that a client can't fill the database."""

    body_seconds: Annotated[float, Field(gt=0)] = 10
    """Time within which a body must arrive (408)."""

    lame_duck_seconds: Annotated[float, Field(ge=0, le=600)] = 0
    """Time from SIGTERM to the stop, in which `/readyz` is 503 and other requests are answered. The image
    sets 5."""

    log_format: Literal["text", "json"] = "text"
    """`text`, or `json`, which the image sets."""

    scores_seconds: Annotated[float, Field(gt=0)] = 60
    """Shortest interval at which the scores in `/metrics` are calculated."""

    station_gauges: Annotated[int, Field(ge=0)] = 100
    """Stations with gauges of their own; with more stations only the total is in `/metrics`."""

    mqtt_url: str = ""
    """The broker, `mqtt://USER:PASSWORD@HOST:PORT` or `mqtts://…` for TLS; empty: no MQTT."""

    mqtt_mapping: Path | None = None
    """The [file](stations.md#mqtt-and-home-assistant) that says which topics hold what."""

    mqtt_prefix: str = "rain-forecast"
    """Forecasts go to `PREFIX/STATION/forecast`, retained."""

    mqtt_discovery_prefix: str = "homeassistant"
    """Home Assistant's discovery prefix; empty: no discovery messages."""


def table() -> str:
    """The settings as a Markdown table."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {' '.join(str(field.description).split())} |")
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
