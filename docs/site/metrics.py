"""The metrics of both services as a page, from the families that the services register."""

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
question each of the forecast service's answers, which values their labels take, and which of BentoML's own to
use; alerts are there too. [Stations](stations.md#operation) says what the second service's are for.
"""


def pages() -> dict[str, str]:
    """The text of the page, by its name."""
    ours = [*families().values(), *challenger_families().values()]
    theirs = [value for value in vars(stations_metrics).values() if hasattr(value, "_labelnames")]
    gauges = [[f"`{name}`", "gauge", labelled(labels), about] for name, (about, labels) in GAUGES.items()]
    parts = [
        INTRO,
        "## The forecast service",
        table(map(row, ours)),
        "## The stations",
        table([*map(row, theirs), *gauges]),
    ]
    return {"metrics": "\n\n".join(parts) + "\n"}


def table(rows: Iterable[list[str]]) -> str:
    """A row per metric, by name."""
    return markdown_table(["metric", "type", "labels", "meaning"], sorted(rows))


def row(family: Any) -> list[str]:
    """A family of the Prometheus client."""
    suffix = "_total" if family._type == "counter" else ""
    return [f"`{family._name}{suffix}`", family._type, labelled(family._labelnames), family._documentation]


def labelled(names: Iterable[str]) -> str:
    """Names of labels."""
    return ", ".join(f"`{name}`" for name in names)
