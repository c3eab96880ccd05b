"""A real Prometheus scrapes the real service: rules and dashboard ask for what is really exported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar, cast

import httpx
import pytest
import yaml

from loadtest.serving import PROJECT, free_port, stop
from tests.conftest import EXAMPLE
from tests.waiting import until

FOLDER = PROJECT / "deploy" / "observability"
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yml").read_text())
ALL = [rule for group in RULES["groups"] for rule in group["rules"]]
Test = TypeVar("Test", bound=Callable[..., None])

DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
QUERIES = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]

with_promtool = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="Prometheus is not installed (Debian's package prometheus has it and promtool)",
)


def with_prometheus(test: Test) -> Test:
    """Marks a test of a running Prometheus."""
    return cast(Test, pytest.mark.slow("waits for Prometheus' scrapes")(with_promtool(test)))


@pytest.fixture(scope="module")
def prometheus(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Prometheus with our configuration, but for its target and a faster clock, under some traffic."""
    folder = tmp_path_factory.mktemp("prometheus")
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    (job,) = configuration["scrape_configs"]
    job["static_configs"][0]["targets"] = [url.removeprefix("http://")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    shutil.copy(FOLDER / "rules.yml", folder)
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [*command, f"--web.listen-address={address}"], cwd=folder, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1") as client, traffic(url):
            until(lambda: up(client))
            yield client
    finally:
        stop(process)
        log.close()


@contextmanager
def traffic(url: str) -> Iterator[None]:
    """Forecasts and refusals all the time, half of the forecasts with a value out of range."""
    enough = Event()

    def ask() -> None:
        while not enough.wait(0.1):
            for record in (EXAMPLE, {**EXAMPLE, "temp_c": 50.0}):
                httpx.post(f"{url}/predict", json=record).raise_for_status()
            assert httpx.post(f"{url}/predict", content=b"").status_code == 415

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield
        finally:
            enough.set()
    asking.result()


def up(client: httpx.Client) -> bool:
    """Whether Prometheus is ready, and has scraped the service."""
    try:
        ready = client.get("/query", params={"query": "up"}).status_code == 200
    except httpx.ConnectError:
        return False
    return ready and [float(found["value"][1]) for found in ask(client, "up")] == [1.0]


def ask(client: httpx.Client, expression: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    answer = client.get("/query", params={"query": expression}).json()
    assert answer["status"] == "success", (expression, answer)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


@with_prometheus
@pytest.mark.parametrize(
    ("title", "expression"), QUERIES, ids=[f"{t}-{i}" for i, (t, _) in enumerate(QUERIES)]
)
def test_every_panel_of_the_dashboard_has_something_to_show(
    prometheus: httpx.Client, title: str, expression: str
) -> None:
    grafana = {"$__rate_interval": "10s", "$job": ".+"}
    for variable, value in grafana.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression

    def shown() -> list[dict[str, Any]]:
        found = ask(prometheus, expression)
        return found if all(series["value"][1] != "NaN" for series in found) else []

    found = until(shown)
    if "{{" in (legend := legend_of(title, expression)):
        assert set(re.findall(r"{{(\w+)}}", legend)) <= set(found[0]["metric"])


def legend_of(title: str, expression: str) -> str:
    (panel,) = [panel for panel in DASHBOARD["panels"] if panel["title"] == title]
    return next((str(t["legendFormat"]) for t in panel["targets"] if t["expr"] == expression), "")


@with_prometheus
def test_all_rules_are_evaluated_and_record_something(prometheus: httpx.Client) -> None:
    def evaluated() -> list[dict[str, Any]]:
        groups = prometheus.get("/rules").json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = until(evaluated)
    assert [rule["name"] for rule in rules] == [rule.get("record") or rule["alert"] for rule in ALL]
    assert {rule["health"] for rule in rules} == {"ok"}
    for rule in rules:
        if rule["type"] == "recording":
            until(lambda name=rule["name"]: ask(prometheus, name))  # type: ignore[misc]


@with_prometheus
def test_an_alert_sees_what_is_out_of_range(prometheus: httpx.Client) -> None:
    share = 'rain_forecast:out_of_range:ratio_rate1h{feature="temp_c"}'
    until(lambda: [float(found["value"][1]) for found in ask(prometheus, f"abs({share} - 0.5) < 0.2")])
    until(lambda: state(prometheus, "RainForecastInputsOutOfRange") == "pending")
    assert state(prometheus, "RainForecastErrorBudgetBurn") == "inactive"


def state(client: httpx.Client, alert: str) -> str:
    groups = client.get("/rules").json()["data"]["groups"]
    return next(str(r["state"]) for group in groups for r in group["rules"] if r["name"] == alert)


def test_every_metric_that_is_asked_for_is_exported_or_recorded(client: httpx.Client) -> None:
    assert client.post("/predict", json=EXAMPLE).status_code == 200
    assert client.post("/predict", content=b"").status_code == 415
    known = set(re.findall(r"^(\w+)[ {]", client.get("/metrics").text, re.MULTILINE))
    known |= {rule["record"] for rule in ALL if "record" in rule} | {"up"}
    for expression in [*(rule["expr"] for rule in ALL), *(expression for _, expression in QUERIES)]:
        named = set(re.findall(r"\b(?:bentoml_service|rain_forecast)[_:][\w:]+|\bup\b", expression))
        assert named, expression
        assert named <= known, expression


def test_every_alert_and_record_is_explained() -> None:
    text = (PROJECT / "docs" / "observability.md").read_text()
    for rule in ALL:
        assert f"`{rule.get('alert', rule.get('record'))}`" in text


def test_the_dashboard_is_what_grafana_wants() -> None:
    assert DASHBOARD["uid"] == "rain-forecast"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$(\w+)", " ".join(expression for _, expression in QUERIES)))
    assert used - {"__rate_interval"} <= variables


@with_promtool
@pytest.mark.parametrize(
    "command",
    [("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml", "rules_test_days.yml")],
)
def test_promtool_is_content(command: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
