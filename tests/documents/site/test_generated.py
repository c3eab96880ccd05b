"""The pages of the HTTP API and of the metrics have all that the services have."""

from __future__ import annotations

import re

from docs.site import http_api, metrics
from loadtest.serving import PROJECT
from weather.contract.variables import BINARY, LIMITS, UNITS

(HTTP,) = http_api.pages().values()
(METRICS,) = metrics.pages().values()


def test_every_path_and_body_has_a_section() -> None:
    document = http_api.document()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"\n### `{method.upper()} {path}`\n" in HTTP
    for name in document["components"]["schemas"]:
        assert f"\n### `{name}`\n" in HTTP


def test_every_reference_to_a_body_has_its_target() -> None:
    referred = set(re.findall(r"\(#(body-\w+)\)", HTTP))
    assert "body-weathervariables" in referred
    assert referred <= set(re.findall(r"^\((body-\w+)\)=$", HTTP, re.MULTILINE))


def test_the_fields_of_an_observation_have_unit_and_range() -> None:
    for name, (low, high) in LIMITS.items():
        (row,) = re.findall(rf"^\| `{name}` \| (.+)$", HTTP, re.MULTILINE)
        assert name in BINARY or f"number, {low:g} … {high:g}" in row
        assert f"| {UNITS[name]} |" in row


def test_fields_within_fields_have_their_path() -> None:
    assert "| `detail[].loc` | array of string or integer |" in HTTP


def test_every_metric_of_the_forecast_service_is_explained_and_the_other_way_round() -> None:
    observability = (PROJECT / "docs" / "observability.md").read_text()
    questions = observability.partition("## Prometheus")[0]
    explained = set(re.findall(r"`(rain_forecast_\w+)", questions))
    assert explained == set(re.findall(r"^\| `(rain_forecast_\w+)` \|", METRICS, re.MULTILINE))


def test_a_metric_has_type_labels_and_meaning() -> None:
    assert "| `rain_forecast_forecasts_total` | counter | `prediction` | Forecasts by decision |" in METRICS
    assert (
        "| `stations_score` | gauge | `station`, `score`, `window` | Scores of verified forecasts |"
        in METRICS
    )
