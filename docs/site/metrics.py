"""The metrics of both services as a page, made from the families that the services register."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loadtest.tables import markdown_table
from stations import metrics as stations_metrics
from stations.verification.gauges import GAUGES
from weather.telemetry.challenger_metrics import challenger_families
from weather.telemetry.metrics import families

INTRO = """# Metrics

Every metric that the two services define, as `/metrics` has them. [Observability](observability.md) says what
question each metric of the forecast service answers, which values the labels take, and which of BentoML's own
metrics to use; alerts are there too. [Stations](stations.md#operation) describes those of the second service.
"""


def pages() -> dict[str, str]:
    """The page's text in Markdown, by its name."""
    forecasts = [*families().values(), *challenger_families().values()]
    stations = [value for value in vars(stations_metrics).values() if hasattr(value, "_labelnames")]
    gauges = [[f"`{name}`", "gauge", labelled(labels), about] for name, (about, labels) in GAUGES.items()]
    parts = [
        INTRO,
        "## The forecast service",
        table(map(row, forecasts)),
        "## The stations",
        table([*map(row, stations), *gauges]),
    ]
    return {"metrics": "\n\n".join(parts) + "\n"}


def table(rows: Iterable[list[str]]) -> str:
    """A table of metrics, sorted by name."""
    return markdown_table(["metric", "type", "labels", "meaning"], sorted(rows))


def row(family: Any) -> list[str]:
    """The row of a metric family of the Prometheus client."""
    suffix = "_total" if family._type == "counter" else ""
    return [f"`{family._name}{suffix}`", family._type, labelled(family._labelnames), family._documentation]


def labelled(names: Iterable[str]) -> str:
    """Names of labels, as code."""
    return ", ".join(f"`{name}`" for name in names)
