"""A real week through both services: page, scores, export, and training's own verification agree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from stations.demo.processes import Stations, running
from stations.demo.replay import replay
from stations.verification.gauges import GAUGES
from stations.verification.scores import SCORES
from tests.conftest import run_cli
from tests.pages.browser import CHROMIUM, browser, patient
from tests.waiting import until
from weather.importing.reading.artifacts import Artifacts
from weather.reports import evaluation
from weather.training import sources
from weather.training.samples import samples as samples_of

FOR_EVER = {"STATIONS_REPORTS_DAYS": "0", "STATIONS_HOURS_DAYS": "0"}


@pytest.fixture(scope="module")
def week(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stations]:
    """A service that has the whole week and all its forecasts."""
    folder = tmp_path_factory.mktemp("week")
    settings = {**FOR_EVER, "STATIONS_WAIT_SECONDS": "0", "STATIONS_SCORES_SECONDS": "1"}
    with running(f"sqlite:///{folder}/stations.db", url, env=settings) as service:
        assert replay(service.url, speed=1e9) == 3 * 168
        until(lambda: "stations_forecasts_total 504.0" in httpx.get(f"{service.url}/metrics").text)
        yield service


@pytest.fixture(scope="module")
def export(week: Stations, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "stations.csv"
    path.write_bytes(httpx.get(f"{week.url}/export.csv").raise_for_status().content)
    return path


def test_the_scores_are_those_of_evaluate(
    week: Stations, export: Path, artifacts: Artifacts, pair_folder: Path
) -> None:
    horizon = evaluation.horizon_of(artifacts, None)
    ours = httpx.get(f"{week.url}/scores").json()
    samples = samples_of(sources.from_csv(export), horizon)
    for name, part in (("all", ours["all"]), *ours["stations"].items()):
        here = samples if name == "all" else samples.where(samples.station == name)
        theirs = evaluation.evaluate(artifacts, here)["model"].scores()
        assert part["hours"] == len(here) == (168 - horizon) * (3 if name == "all" else 1)
        assert part["scores"] == pytest.approx({score: theirs[score] for score in SCORES}, abs=1e-9)
    pair = ("--scaler", pair_folder / "model-scaler.pkl", "--model", pair_folder / "svc.onnx")
    done = run_cli("evaluate", "--data", export, *pair, "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)["model"]
    for score, value in ours["all"]["scores"].items():
        assert round(value, 6) == printed[score]["value"]
        assert [round(end, 6) for end in ours["all"]["intervals"][score]] == [
            printed[score]["low"],
            printed[score]["high"],
        ]


def test_the_metrics_have_the_scores_and_every_gauge(week: Stations) -> None:
    ours = httpx.get(f"{week.url}/scores").json()["all"]

    def gauges() -> dict[str, float]:
        series = re.findall(r"^(stations_.+) (\S+)$", httpx.get(f"{week.url}/metrics").text, re.MULTILINE)
        return {name: float(value) for name, value in series}

    hours = 'stations_verified_hours{station="all",window="ever"}'
    until(lambda: gauges().get(hours) == ours["hours"])
    found = gauges()
    for score, value in ours["scores"].items():
        series = f'stations_score{{score="{score}",station="all",window="ever"}}'
        assert found[series] == pytest.approx(value, abs=1e-9)
    assert set(GAUGES) <= {series.partition("{")[0] for series in found}


def test_the_export_is_training_data(export: Path) -> None:
    observed = sources.from_csv(export)
    assert observed.notes == []
    assert sorted(set(observed.table["station"])) == ["EWR", "JFK", "LGA"]


def test_the_whole_week_sent_again_changes_nothing(week: Stations) -> None:
    before = httpx.get(f"{week.url}/export.csv").content
    replay(week.url, speed=1e9)
    assert httpx.get(f"{week.url}/export.csv").content == before


@pytest.fixture(scope="module")
def page(week: Stations) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with browser() as started:
        context = started.new_context(base_url=week.url, viewport={"width": 1180, "height": 900})
        page = patient(context.new_page())
        complaints: list[str] = []
        addresses: list[str] = []
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        page.goto("/")
        yield page
        context.close()
        assert complaints == []
        assert {re.match(r"\w+://[^/]*", address).group() for address in addresses} == {week.url}  # type: ignore[union-attr]


def value(page: Page, score: str) -> float:
    return float(page.locator(f'[data-score="{score}"]').get_attribute("data-value") or "nan")


def test_the_page_shows_stations_the_last_day_and_the_scores(page: Page, week: Stations) -> None:
    expect(page.get_by_role("button", name=re.compile("Kennedy"))).to_be_visible()
    expect(page.locator("#list li")).to_have_count(3)
    page.get_by_role("button", name=re.compile("Kennedy")).click()
    expect(page.locator("#station-title")).to_have_text("New York, Kennedy (JFK)")
    expect(page.locator("#station-time")).to_have_text("13 Jun 2013, 23:00 UTC")
    assert page.url.endswith("?station=JFK")
    scores = httpx.get(f"{week.url}/scores").json()
    for score in SCORES:
        assert value(page, f"all.{score}") == pytest.approx(scores["all"]["scores"][score], abs=1e-9)
        assert value(page, f"station.{score}") == pytest.approx(
            scores["stations"]["JFK"]["scores"][score], abs=1e-9
        )


def test_the_chart_has_the_rain_and_the_verdicts(page: Page, week: Stations) -> None:
    hours: list[dict[str, Any]] = httpx.get(f"{week.url}/stations/JFK", params={"hours": 25}).json()["hours"]
    wet = [hour for hour in hours if hour["observation"]["current_weather_condition"] == 1]
    assert wet
    expect(page.locator("#chart .wet")).to_have_count(len(wet))
    expect(page.locator("#chart circle")).to_have_count(25)
    horizon = hours[0]["forecast"]["horizon_hours"]
    expect(page.locator("#chart circle.open")).to_have_count(horizon)
    right = [h for h in hours if h["forecast"]["rained"] is (h["forecast"]["prediction"] == "Rain")]
    expect(page.locator("#chart circle.right")).to_have_count(len(right))
    expect(page.locator("#chart-words")).to_contain_text(f"{len(right)} of {25 - horizon} forecasts")
    page.get_by_text("The hours as a table").click()
    expect(page.locator("#hours tbody tr")).to_have_count(25)


def test_an_address_leads_to_its_station_and_the_keyboard_to_others(page: Page) -> None:
    page.goto("/?station=LGA")
    expect(page.locator("#station-title")).to_contain_text("(LGA)")
    button = page.get_by_role("button", name=re.compile("Newark"))
    button.press("Enter")
    expect(page.locator("#station-title")).to_contain_text("(EWR)")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 360, "height": 700})
    expect(page.locator("#scores tbody tr")).to_have_count(7)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": 1180, "height": 900})
