"""The content of the pages agrees with the contract, and their headers are strict."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from weather.contract.fields import EXAMPLES
from weather.contract.variables import BINARY, EXAMPLE, FEATURES, LABELS, LIMITS, WeatherVariables
from weather.pages.rendering import render
from weather.pages.routes import FILES, PAGE_PATHS, STATIC

INDEX = render("index.html").decode()


class Elements(HTMLParser):
    """The attributes of every element, by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


ELEMENTS = Elements(INDEX).found
INPUTS = [element for tag, element in ELEMENTS if tag == "input"]
PRESETS = [element for _, element in ELEMENTS if "data-observation" in element]


def test_the_fields_have_the_ranges_of_the_contract() -> None:
    for name in FEATURES:
        fields = [field for field in INPUTS if name in (field.get("name"), field.get("data-for"))]
        if name in BINARY:
            assert [field["type"] for field in fields] == ["checkbox"]
            continue
        assert [field["type"] for field in fields] == ["number", "range"]
        for field in fields:
            assert (float(field["min"]), float(field["max"])) == LIMITS[name]
        low, high = (f"{end:.15g}".replace("-", "−") for end in LIMITS[name])
        assert f'<span class="limits">{low} … {high}</span>' in INDEX, name
        for end, limit in zip(("data-low", "data-high"), LIMITS[name], strict=True):
            assert float(fields[0][end]) == limit


def test_every_field_is_labelled_and_has_a_place_for_its_error() -> None:
    for name in FEATURES:
        field = next(field for field in INPUTS if field.get("name") == name)
        assert f'<label for="{field["id"]}">' in INDEX
        assert f"{field['id']}-error" in field["aria-describedby"].split()
        assert f'id="{field["id"]}-error"' in INDEX


def test_the_form_starts_with_the_first_example() -> None:
    named = [field for field in INPUTS if "name" in field]
    values = {field["name"]: float(field["value"]) for field in named if field["type"] == "number"}
    switches = {field["name"]: float("checked" in field) for field in named if field["type"] == "checkbox"}
    assert values | switches == (EXAMPLES[0].observation if EXAMPLES else EXAMPLE)


def test_each_example_is_a_valid_preset_and_the_first_is_marked() -> None:
    assert [json.loads(preset["data-observation"]) for preset in PRESETS] == [e.observation for e in EXAMPLES]
    for example in EXAMPLES:
        WeatherVariables(**example.observation)
    pressed = ["true" if number == 0 else "false" for number in range(len(EXAMPLES))]
    assert [preset["aria-pressed"] for preset in PRESETS] == pressed


def test_each_class_word_is_in_the_page() -> None:
    (form,) = [element for tag, element in ELEMENTS if tag == "form"]
    assert (form["data-negative"], form["data-positive"]) == LABELS


@pytest.mark.parametrize("path", ["/", "/model"])
def test_the_content_security_policy_allows_files_of_this_host_only(client: httpx.Client, path: str) -> None:
    page = client.get(path, headers={"Accept": "text/html"})
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["vary"] == "Accept"
    for tag, element in Elements(page.text).found:
        assert "style" not in element, tag
        assert not [name for name in element if name.startswith("on")], tag
        assert tag != "style"
        assert tag != "script" or element["src"]


def test_only_browsers_get_a_page_for_a_wrong_address(client: httpx.Client) -> None:
    for path, root in (
        ("/nothing", ""),
        ("/a/b/c", "../../"),
        ("/v2/nothing", "../"),
        ("/static/x.js", "../"),
        ("/a%2Fb", ""),  # one segment for a browser
    ):
        page = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert page.status_code == 404
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["vary"] == "Accept"
        assert f'href="{root}static/page.css"' in page.text
        assert "nothing" not in page.text
        for accept in ("*/*", "application/json"):
            answer = client.get(path, headers={"Accept": accept})
            assert (answer.status_code, answer.json()["detail"]) == (404, [])
            assert answer.headers["vary"] == "Accept"
        posted = client.post(path, headers={"Accept": "text/html, *; q=.2"})  # Java's HttpURLConnection
        assert (posted.status_code, posted.json()["detail"]) == (404, [])


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (BROWSER, "text/html"),
        ("Text/HTML", "text/html"),
        ("text/html; level=1; q=.5, */*;q=1.", "text/html"),
        ("text/html, application/json", "text/html"),
        ("text/html;q=bad", "text/html"),
        ("text/html;q=0", "application/json"),
        ("text/html; Q=0.000, */*", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("text/htmlx", "application/json"),
        ("text/*", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
def test_a_page_is_for_clients_that_name_html_and_prefer_json_no_more(
    client: httpx.Client, accept: str, media_type: str
) -> None:
    for path, status in (("/", 200), ("/model", 200), ("/nothing", 404)):
        answer = client.get(path, headers={"Accept": accept})
        assert answer.status_code == status
        assert answer.headers["content-type"].partition(";")[0] == media_type, path
        assert answer.headers["vary"] == "Accept"


def test_several_accept_headers_are_one_list(client: httpx.Client) -> None:
    headers = [("Accept", "application/json;q=0.1"), ("Accept", BROWSER)]
    assert client.get("/", headers=headers).headers["content-type"].startswith("text/html")


def test_another_method_gets_the_standard_error_body(client: httpx.Client) -> None:
    for path in ("/", "/docs", "/model", "/openapi.json", "/static/page.js"):
        refused = client.put(path)
        assert refused.status_code == 405, path
        assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}, path
        assert refused.json()["detail"] == [], path


@pytest.mark.parametrize("path", ["/", "/docs", "/model"])
def test_links_are_relative_so_that_a_path_prefix_works(client: httpx.Client, path: str) -> None:
    page = client.get(path, headers={"Accept": "text/html"}).text
    found = [str(e[name]) for _, e in Elements(page).found for name in ("src", "href") if name in e]
    assert found
    for address in found:
        assert not re.match(r"/|\w+:", address), address
        assert client.get(f"/{address.removeprefix('./')}").status_code == 200, address


def test_scripts_use_relative_urls_only() -> None:
    for name in FILES:
        text = (STATIC / name).read_text()
        assert not re.findall(r"""["'`(]/\w""", text), name
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), name


def test_the_paths_of_the_pages_are_a_fixed_set_and_labels_of_the_metrics(client: httpx.Client) -> None:
    assert {"/", "/docs", "/model", "/model/picture", "/static/page.js"} <= PAGE_PATHS
    assert not [path for path in PAGE_PATHS if "{" in path]
    client.get("/static/page.js")
    client.get("/static/nothing.js")
    client.get("/model/picture", params={"name": "scan"})
    metrics = client.get("/metrics").text
    assert 'endpoint="/static/page.js"' in metrics
    assert "nothing.js" not in metrics
    assert "scan" not in metrics
