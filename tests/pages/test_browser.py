"""The pages in a real browser, on the real service.

Whatever a test does: nothing may be asked of another host, and nothing go wrong in the console.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, expect

from tests.conftest import EXAMPLE, OLD_KEY
from tests.fixtures import pair
from tests.pages.browser import CHROMIUM, browser, patient
from weather.contract.variables import BINARY, FEATURES

pytestmark = [
    pytest.mark.slow("drives a browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]

SIZE: ViewportSize = {"width": 1180, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as started:
        yield started


class Watched:
    """What a page asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))

    def heard(self, message: Any) -> None:
        # Chromium writes a line for each answer that is a 4xx or 5xx, which is no fault of the page.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture(params=["light"])
def page(running: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page of the service; what it asks for and complains about is looked at in the end."""
    context = running.new_context(
        base_url=url, viewport=SIZE, color_scheme=request.param, permissions=CLIPBOARD
    )
    page = patient(context.new_page())
    watched = Watched(page)
    yield page
    context.close()
    assert watched.complaints == []
    hosts = {urlsplit(address).hostname for address in watched.addresses}
    assert hosts <= {"127.0.0.1"}, hosts


in_light_and_dark = pytest.mark.parametrize("page", ["light", "dark"], indirect=True)


def plain(url: str, observation: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.post(f"{url}/predict", json=observation).json()
    return answer


def said(forecast: dict[str, Any]) -> tuple[str, str]:
    """Decision and chance, as the page writes them."""
    percent = 100 * forecast["probability"]
    return (
        forecast["prediction"].replace("_", " ").capitalize(),
        f"{percent:.{1 if percent < 9.5 else 0}f}\N{NO-BREAK SPACE}%",
    )


def expect_forecast(page: Page, forecast: dict[str, Any]) -> None:
    decision, chance = said(forecast)
    expect(page.locator("#decision")).to_have_text(decision)
    expect(page.locator("#chance")).to_have_text(chance)


def opened(page: Page, url: str = "/") -> Page:
    page.goto(url)
    page.locator("#curve svg").wait_for()
    return page


def fill(page: Page, observation: dict[str, Any]) -> None:
    """The form, in metric units; the page has fractions as percentages."""
    for name in FEATURES:
        field, value = page.locator(f"#field-{name}"), observation[name]
        if name in BINARY:
            field.set_checked(value == 1)
        elif name == "humidity":
            field.fill(f"{100 * value:.10g}")
        else:
            field.fill(str(value))
    page.get_by_role("button", name="Forecast", exact=True).click()


def test_the_form_gets_the_answer_of_a_plain_request(page: Page, url: str) -> None:
    opened(page)
    assert page.get_by_role("status").filter(has=page.locator("#decision")).count() == 1, "it is announced"
    for observation in (EXAMPLE, {**EXAMPLE, "temp_c": -4, "humidity": 0.31, "current_weather_condition": 0}):
        fill(page, observation)
        expect_forecast(page, plain(url, observation))
    expect(page.locator("#reason")).to_contain_text(f"within the next {pair.HORIZON_HOURS} hours")
    expect(page.locator("h1")).to_have_text(f"Will it rain in the next {pair.HORIZON_HOURS} hours?")


def test_each_preset_fills_the_form_and_is_forecast(page: Page, committed_url: str) -> None:
    opened(page, committed_url)
    decisions = set()
    for preset in page.locator(".preset").all():
        preset.click()
        expect(preset).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".preset[aria-pressed=true]")).to_have_count(1)
        observation = json.loads(preset.get_attribute("data-observation") or "")
        expect_forecast(page, plain(committed_url, observation))
        expect(page.locator("#outcome")).to_contain_text("What happened then: it ")
        decisions.add(page.locator("#decision").text_content())
    assert decisions == {"Rain", "No rain"}
    page.locator("#field-temp_c").press("ArrowUp")
    page.locator("#field-temp_c").press("Enter")
    expect(page.locator(".preset[aria-pressed=true]")).to_have_count(0)
    expect(page.locator("#outcome")).to_have_text("")


def test_the_apis_message_stands_at_the_field_it_is_about(page: Page, url: str) -> None:
    opened(page)
    wrong = {**EXAMPLE, "humidity": 83, "pressure_millibars": 0}
    fill(page, wrong)
    detail = httpx.post(f"{url}/predict", json=wrong).json()["detail"]
    assert [fault["loc"] for fault in detail] == [["humidity"], ["pressure_millibars"]]
    for fault in detail:
        field = page.locator(f"#field-{fault['loc'][0]}")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(re.escape(fault["msg"])))
        here = " On this page: 0 … 100 %." if fault["loc"] == ["humidity"] else ""
        expect(page.locator(f"#field-{fault['loc'][0]}-error")).to_have_text(f"{fault['msg']}.{here}")
    expect(page.locator("#field-humidity-error")).to_contain_text("not a percentage")
    expect(page.locator("#field-humidity")).to_be_focused()
    expect(page.locator("#problem")).to_have_text("2 fields need a correction.")
    expect(page.locator("#decision")).to_have_text("No forecast")
    page.fill("#field-temp_c", "")
    fill(page, {**EXAMPLE, "temp_c": ""})
    expect(page.locator("#field-temp_c-error")).to_contain_text("temp_c is missing")
    fill(page, {**EXAMPLE, "temp_c": 50})
    expect(page.locator("#field-temp_c")).to_have_accessible_description(
        re.compile("not in the training data")
    )
    fill(page, EXAMPLE)
    expect_forecast(page, plain(url, EXAMPLE))
    expect(page.locator("[aria-invalid]")).to_have_count(0)
    expect(page.locator("#problem")).to_be_hidden()


def test_the_curve_is_one_bulk_request_and_its_table_has_the_answers(page: Page, url: str) -> None:
    opened(page)
    fill(page, EXAMPLE)
    expect_forecast(page, plain(url, EXAMPLE))
    with page.expect_response("**/predict_batch") as asked:
        page.get_by_role("combobox", name="How the chance changes with").select_option(
            label="pressure at sea level"
        )
    observations = json.loads(asked.value.request.post_data or "")["observations"]
    varied = {"pressure_millibars": 0, "current_weather_condition": 0}
    assert all({**observation, **varied} == {**EXAMPLE, **varied} for observation in observations)
    rows = page.locator("#curve-table tbody tr")
    expect(rows).to_have_count(11)
    expect(page.get_by_role("img", name=re.compile("^From .* mbar to .* mbar"))).to_be_visible()
    first = [cell.text_content() for cell in rows.first.locator("td").all()]
    at = {**EXAMPLE, "pressure_millibars": observations[0]["pressure_millibars"]}
    assert first[1:] == [said(plain(url, {**at, "current_weather_condition": rain}))[1] for rain in (1, 0)]


def test_what_is_copied_runs_and_gets_the_same_answer(page: Page, url: str) -> None:
    opened(page)
    fill(page, EXAMPLE)
    expect_forecast(page, plain(url, EXAMPLE))
    for which, program in (("curl", ["bash"]), ("python", [sys.executable, "-"])):
        button = page.locator(f"[data-copy={which}]")
        button.click()
        expect(button).to_have_text("Copied")
        expect(page.locator("#copied")).to_have_text("Copied")
        text = page.evaluate("navigator.clipboard.readText()")
        done = subprocess.run(program, input=text, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout.replace("'", '"')) == plain(url, EXAMPLE)


def test_swagger_ui_tries_the_prefilled_example(page: Page, url: str) -> None:
    page.goto("/docs")
    operation = page.locator("#operations-Forecast-predict")
    operation.locator(".opblock-summary-control").click()
    assert json.loads(operation.locator("textarea").input_value()) == EXAMPLE
    with page.expect_response("**/predict") as asked:
        operation.get_by_role("button", name="Execute").click()
    assert asked.value.json() == plain(url, EXAMPLE)
    expect(operation.locator(".live-responses-table .response .response-col_status")).to_have_text(
        re.compile("^200")
    )


def test_everything_works_behind_a_path_prefix(page: Page, url: str) -> None:
    """As a proxy that takes /weather off."""

    def forward(route: Route) -> None:
        there = route.request.url.replace(f"{url}/weather/", f"{url}/")
        route.fulfill(response=route.fetch(url=there))

    without: list[str] = []
    page.route(f"{url}/weather/**", forward)
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(f"{url}/weather/") else without.append(asked.url),
    )
    page.goto("/weather/")
    page.locator("#curve svg").wait_for()
    expect(page.locator("#curl")).to_contain_text(f"{url}/weather/predict")
    page.get_by_role("link", name="Model card", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The served model")
    page.get_by_role("link", name="API", exact=True).click()
    operation = page.locator("#operations-Forecast-predict")
    operation.locator(".opblock-summary-control").click()
    with page.expect_response(f"{url}/weather/predict") as asked:
        operation.get_by_role("button", name="Execute").click()
    assert asked.value.status == 200
    assert without == []


def test_the_card_is_shown_with_its_pictures(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Model card", exact=True).click()
    expect(page.get_by_role("heading", level=2, name=re.compile("^Model card: "))).to_be_visible()
    pictures = page.locator("article img")
    expect(pictures).to_have_count(len(pair.PICTURES))
    for picture in pictures.all():
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 100
        assert picture.get_attribute("alt")


@in_light_and_dark
@pytest.mark.parametrize("size", [SIZE, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("path", ["/", "/model", "/no/such"])
def test_axe_finds_no_serious_fault(page: Page, path: str, size: ViewportSize) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size(size)
    page.goto(path)
    if path == "/":
        page.locator("#curve svg").wait_for()
        assert_accessible(page)
        fill(page, {**EXAMPLE, "humidity": 83})
        page.locator("#field-humidity-error").wait_for()
        for details in page.locator("details").all():
            details.evaluate("details => details.open = true")
    assert_accessible(page)


def assert_accessible(page: Page) -> None:
    found = Axe().run(page).response
    assert len(found["passes"]) > 10
    assert [
        (fault["id"], [node["html"] for node in fault["nodes"]])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ] == []


def test_the_keyboard_is_enough(page: Page, committed_url: str) -> None:
    opened(page, committed_url)

    def tab_to(wanted: Locator) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", "where the focus is can be seen"
            if wanted.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"{wanted} can't be reached")

    rainy = page.get_by_role("button", name="A rainy hour")
    tab_to(rainy)
    page.keyboard.press("Enter")
    expect(rainy).to_have_attribute("aria-pressed", "true")
    observation = json.loads(rainy.get_attribute("data-observation") or "")
    tab_to(page.get_by_label("Air temperature °C"))
    page.keyboard.press("Control+a")
    page.keyboard.type("5.5")
    tab_to(page.get_by_label("Wind direction, slider"))
    page.keyboard.press("ArrowRight")
    tab_to(page.get_by_role("switch", name="It is raining now"))
    page.keyboard.press("Space")
    tab_to(page.get_by_role("button", name="Forecast", exact=True))
    page.keyboard.press("Enter")
    changed = {"temp_c": 5.5, "wind_bearing_degree": 121, "current_weather_condition": 0}
    expect_forecast(page, plain(committed_url, {**observation, **changed}))
    tab_to(page.get_by_role("combobox", name="How the chance changes with"))
    button = page.get_by_role("button", name="Copy the curl command")
    tab_to(button)
    page.keyboard.press("Enter")
    expect(page.locator("#copied")).to_have_text("Copied")  # writing takes the browser a moment
    assert '"wind_bearing_degree": 121' in page.evaluate("navigator.clipboard.readText()")


def test_the_compass_takes_a_click(page: Page) -> None:
    opened(page)
    box = page.locator(".compass").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    assert abs(int(page.locator("#field-wind_bearing_degree").input_value()) - 90) <= 1
    expect(page.locator(".point")).to_contain_text("east")


def test_nothing_is_wider_than_a_small_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    for path, last in (("/", "#curve svg"), ("/model", "footer"), ("/no/such", "footer")):
        page.goto(path)
        page.locator(last).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_a_key_is_asked_for_and_a_model_without_probabilities_decides(page: Page, old_url: str) -> None:
    page.goto(old_url)
    expect(page.locator("#key-error")).to_contain_text("This service requires an API key")
    expect(page.locator("#problem")).to_contain_text("This service requires an API key")
    page.get_by_role("link", name="Enter the key").click()
    expect(page.locator("#key")).to_be_focused()
    expect(page.locator("#key")).to_be_in_viewport()
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#key")).to_be_focused()
    page.fill("#key", OLD_KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#reason")).to_contain_text("it has no calibrated probability")
    expect(page.locator("#gauge")).to_be_hidden()
    observation = json.loads(page.locator(".preset").first.get_attribute("data-observation") or "")
    headers = {"X-API-Key": OLD_KEY}
    answer = httpx.post(f"{old_url}/predict", json=observation, headers=headers).json()
    assert answer["probability"] is None
    expect(page.locator("#decision")).to_have_text(answer["prediction"].replace("_", " ").capitalize())
    expect(page.locator("#curve text").filter(has_text="No rain")).to_be_visible()
    assert OLD_KEY not in page.locator("#curl").text_content()  # type: ignore[operator]
    done = subprocess.run(
        ["bash"],
        input=page.locator("#curl").text_content(),
        env={"PATH": "/usr/bin:/bin", "RAIN_API_KEY": OLD_KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == answer
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    expect(page.locator("h1")).to_have_text("Will it rain?")


def test_a_busy_or_absent_service_is_said_in_a_sentence(page: Page) -> None:
    opened(page)

    def refuse(route: Route) -> None:
        if not status:
            return route.abort()
        body = json.dumps({"error": "it drains", "detail": []})
        return route.fulfill(status=status, headers={"Retry-After": "1"}, body=body)

    button = page.get_by_role("button", name="Forecast", exact=True)
    page.route("**/predict", refuse)
    for status, sentence in (  # noqa: B007  refuse has it
        (429, "The service is at capacity. Try again in 1 second."),
        (503, "The service can't forecast now: it drains. Try again in 1 second."),
        (0, "The service can't be reached."),
    ):
        button.click()
        expect(page.locator("#problem")).to_have_text(sentence)
        expect(page.locator("#reason")).to_have_text(sentence)
    page.unroute("**/predict")
    button.click()
    expect(page.locator("#problem")).to_be_hidden()


def test_a_field_that_the_model_can_do_without_may_be_switched_off(
    page: Page, url: str, committed_url: str
) -> None:
    page.goto(committed_url)
    page.locator("#curve svg").wait_for()
    box = page.get_by_role("checkbox", name="not measured: Visibility")
    expect(page.get_by_role("checkbox", name="not measured")).to_have_count(1)
    expect(box).not_to_be_checked()
    sent = json.loads(page.locator(".preset").first.get_attribute("data-observation") or "")
    box.check()
    expect(page.locator("#field-visibility_km")).to_have_value("")
    del sent["visibility_km"]
    expect_forecast(page, plain(committed_url, sent))
    expect(page.locator("#curl")).not_to_contain_text("visibility_km")
    page.select_option("#along", "visibility_km")
    expect(page.locator("#curve svg .here")).to_be_visible()
    expect(page.locator("#curve .dot")).to_have_count(0)
    assert_accessible(page)
    page.locator(".preset").first.click()
    expect(box).not_to_be_checked()
    opened(page)
    expect(page.get_by_role("checkbox", name="not measured")).to_have_count(0)


def stated(page: Page) -> dict[str, Any]:
    """The observation that the page says it sends."""
    text = page.locator("#curl").text_content() or ""
    observation: dict[str, Any] = json.loads(text[text.index("'{") + 1 : text.rindex("}'") + 1])
    return observation


def test_a_slider_spans_the_training_range_and_is_filled_up_to_the_value(page: Page, url: str) -> None:
    opened(page)
    training = {f["name"]: f["training"] for f in httpx.get(f"{url}/model").json()["features"]}["temp_c"]
    slider = page.get_by_label("Air temperature, slider")
    low, high = (float(slider.get_attribute(end) or "") for end in ("min", "max"))
    assert training["minimum"] - 0.1 < low <= training["minimum"] < training["maximum"] <= high
    assert high < training["maximum"] + 0.1
    field = page.locator("#field-temp_c")
    for value, share in ((low, 0), ((low + high) / 2, 50), (high, 100), (60, 100)):
        field.fill(str(value))
        filled = slider.evaluate("slider => slider.style.getPropertyValue('--value')")
        assert float(filled.strip("%")) == pytest.approx(share, abs=1)
    assert float(field.get_attribute("max") or "") == 60, "the number beside it may be any that is accepted"
    assert stated(page)["temp_c"] != 60, "nothing is sent while somebody types"
    page.get_by_role("button", name="Forecast", exact=True).click()
    expect(page.locator("#curl")).to_contain_text('"temp_c": 60')


def test_american_units_are_the_pages_alone(page: Page, committed_url: str) -> None:
    opened(page, committed_url)
    sent = json.loads(page.locator(".preset").first.get_attribute("data-observation") or "")
    forecast = plain(committed_url, sent)
    units = page.get_by_role("group", name="Units")
    units.get_by_text("US").click()
    shown = {"temp_c": 51.08, "wind_speed_kmph": 24.17, "visibility_km": 6.002, "pressure_millibars": 29.55}
    for name, value in {**shown, "humidity": 92.28, "wind_bearing_degree": 180}.items():
        expect(page.locator(f"#field-{name}")).to_have_value(str(value))
    expect_forecast(page, forecast)
    assert stated(page) == sent, "what nobody has edited is sent as it was"
    page.locator("#field-temp_c").fill("50")
    page.locator("#field-wind_speed_kmph").fill("10")
    page.locator("#field-visibility_km").fill("10")
    page.locator("#field-pressure_millibars").fill("30")
    page.locator("#field-humidity").fill("92.28")
    page.get_by_role("button", name="Forecast", exact=True).click()
    expect(page.locator("#curl")).to_contain_text('"temp_c": 10,')
    changed = {"temp_c": 10, "wind_speed_kmph": 16.09344, "visibility_km": 16.09344}
    assert stated(page) == {**sent, **changed, "pressure_millibars": 1015.9167}
    expect(page.locator("#field-wind_speed_kmph")).to_have_accessible_description(
        re.compile("sent as 16.09344 km/h")
    )
    expect(page.locator("#curve text").filter(has_text="°F").first).to_be_visible()
    assert_accessible(page)
    page.locator("#field-temp_c").fill("300")
    page.get_by_role("button", name="Forecast", exact=True).click()
    expect(page.locator("#field-temp_c-error")).to_contain_text("On this page: −130 … 140 °F.")
    units.get_by_text("Metric").click()
    expect(page.locator("#field-wind_speed_kmph")).to_have_value("16.09344")


def test_the_needle_points_where_the_wind_comes_from(page: Page) -> None:
    opened(page)
    tip = """needle => {
        const at = needle.getScreenCTM();
        const rim = needle.ownerSVGElement.getBoundingClientRect();
        return [-19 * at.c + at.e - rim.x - rim.width / 2, -19 * at.d + at.f - rim.y - rim.height / 2];
    }"""
    for bearing, (right, down) in {0: (0, -1), 90: (1, 0), 180: (0, 1), 270: (-1, 0)}.items():
        page.locator("#field-wind_bearing_degree").fill(str(bearing))
        x, y = page.locator(".needle").evaluate(tip)
        assert (x, y) == (pytest.approx(right * 19, abs=6), pytest.approx(down * 19, abs=6))
        assert np.hypot(x, y) > 10


def test_the_threshold_is_explained(page: Page, url: str) -> None:
    opened(page)
    threshold = httpx.get(f"{url}/model").json()["threshold"]
    side = "above" if plain(url, stated(page))["probability"] > threshold else "not above"
    expect(page.locator("#reason")).to_contain_text(f"because that is {side} the model's threshold of")
    page.get_by_text("Why this threshold?").click()
    expect(page.locator("#why p")).to_be_visible()


def test_presets_belong_to_the_model_that_was_trained_on_their_data(page: Page, committed_url: str) -> None:
    opened(page)
    expect(page.locator("#presets")).to_be_hidden()
    expect(page.locator("#outcome")).to_have_text("")

    def other_horizon(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "horizon_hours": 8})

    page.route("**/model", other_horizon)
    opened(page, committed_url)
    expect(page.locator(".preset[aria-pressed=true]")).to_be_visible()
    expect(page.locator("#reason")).to_contain_text("8 hours")
    expect(page.locator("#outcome")).to_have_text("")


def test_a_wrong_address_gets_a_page_that_leads_back(page: Page) -> None:
    answer = page.goto("/no/such")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    page.get_by_role("link", name="The start page").click()
    page.locator("#curve svg").wait_for()


@in_light_and_dark
def test_the_apis_description_follows_the_colours_and_leads_back(
    page: Page, request: pytest.FixtureRequest
) -> None:
    page.goto("/docs")
    page.locator("#operations-Forecast-predict").wait_for()
    light = request.node.callspec.params["page"] == "light"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) > 600) == light
    inverted = page.locator("#swagger-ui").evaluate("element => getComputedStyle(element).filter")
    assert (inverted == "none") == light
    page.get_by_role("link", name="Rain forecast").click()
    page.locator("#curve svg").wait_for()


def test_on_a_phone_the_focus_hides_no_message_and_a_cut_table_says_so(page: Page) -> None:
    page.set_viewport_size(PHONE)
    opened(page)
    fill(page, {**EXAMPLE, "humidity": 83})
    field, error = page.locator("#field-humidity"), page.locator("#field-humidity-error")
    expect(field).to_be_focused()
    expect(error).not_to_be_empty()
    ring = """input => {
        const { outlineOffset, outlineWidth, outlineStyle } = getComputedStyle(input);
        return outlineStyle === "none" ? null : parseFloat(outlineOffset) + parseFloat(outlineWidth);
    }"""
    width = field.evaluate(ring)
    inside, below = field.bounding_box(), error.bounding_box()
    assert inside is not None
    assert below is not None
    assert inside["y"] + inside["height"] + width < below["y"]
    page.goto("/model")
    hint = page.get_by_text("scroll it sideways")
    expect(hint).to_be_visible()
    table = page.locator(".sideways + .scroll")
    assert table.evaluate("region => region.scrollWidth > region.clientWidth")
    # A background that is attached to the content is painted anew for each frame of a scroll.
    assert table.evaluate("region => getComputedStyle(region).backgroundImage") == "none"
    page.set_viewport_size(SIZE)
    expect(hint).to_be_hidden()
