"""The site as it is built: every link leads somewhere, and a browser can search it in the dark."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from docs.site.sources import documents, page_of
from loadtest.serving import PROJECT
from tests.pages.browser import CHROMIUM, browser, patient
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.slow("builds the site, half a minute")

FAULTS = ("error", "warning")
"""Kinds of messages in the console that a page must not write."""

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")


class Elements(HTMLParser):
    """The ids of a page and the addresses that it links to or loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: set[str] = {""}
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.ids.add(named.get("id", ""))
        if tag == "a" and "href" in named:
            self.links.add(named["href"])
        elif tag == "link" and named.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.add(named["href"])
        elif "src" in named:
            self.loaded.add(named["src"])


def build(out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "docs.site", "--out", str(out)]
    return subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, timeout=5 * PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(out)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"The site is in {out / 'html'}.\n"
    return out / "html"


@pytest.fixture(scope="module")
def pages(html: Path) -> dict[Path, Elements]:
    return {path: Elements(path) for path in html.rglob("*.html")}


@pytest.fixture(scope="module")
def url(html: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=html)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def page(running: Browser, url: str) -> Iterator[Page]:
    """A page in dark mode, which may ask nothing of other hosts and complain of nothing."""
    context = running.new_context(color_scheme="dark")
    complaints: list[str] = []
    asked: list[str] = []
    page = patient(context.new_page())
    page.on("console", lambda message: complaints.append(message.text) if message.type in FAULTS else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    context.close()
    assert not complaints
    assert {urlsplit(address).netloc for address in asked} == {urlsplit(url).netloc}


def test_every_document_is_a_page_that_the_front_page_leads_to(
    html: Path, pages: dict[Path, Elements]
) -> None:
    front = pages[html / "index.html"].links
    for document in documents():
        name = f"{page_of(document)}.html"
        assert html / name in pages
        assert name in front or name == "index.html"


@pytest.mark.parametrize(
    "name", ["http-api", "metrics", "python-api", "python-api/weather.serving", "search"]
)
def test_what_is_made_from_the_code_is_there(html: Path, name: str) -> None:
    assert (html / f"{name}.html").is_file()


def test_every_link_and_anchor_leads_somewhere(html: Path, pages: dict[Path, Elements]) -> None:
    for page, elements in pages.items():
        for link in elements.links | elements.loaded:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page.relative_to(html)}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{page.relative_to(html)}: {link}"


def test_nothing_is_loaded_from_other_hosts(html: Path, pages: dict[Path, Elements]) -> None:
    for page, elements in pages.items():
        others = {address for address in elements.loaded if urlsplit(address).netloc}
        assert not others, page
    for style in html.rglob("*.css"):
        assert not re.findall(r"url\(['\"]?(?:https?:)?//", style.read_text()), style


def test_diagrams_are_pictures(html: Path, pages: dict[Path, Elements]) -> None:
    diagrams = (PROJECT / "docs" / "architecture.md").read_text().count("```mermaid\n")
    drawn = [address for address in pages[html / "architecture.html"].loaded if address.endswith(".svg")]
    assert len([address for address in drawn if "_images" in address]) == diagrams > 0


def brightness(page: Page) -> float:
    """Of the background, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return (red + green + blue) / 3


@needs_browser
def test_search_finds_a_document_and_a_function(page: Page) -> None:
    page.get_by_role("textbox", name="Search").fill("lame-duck")
    page.keyboard.press("Enter")
    results = page.locator("#search-results")
    expect(results.get_by_role("link", name="A lame-duck period")).to_be_visible()
    page.get_by_role("textbox", name="Search").first.fill("read_settings")
    page.keyboard.press("Enter")
    found = results.get_by_role("link", name="weather.http.settings.read_settings")
    expect(found).to_be_visible()


@needs_browser
def test_the_page_is_dark_until_light_is_asked_for(page: Page) -> None:
    assert brightness(page) < 50
    expect(page.locator("img.only-dark")).to_be_visible()
    expect(page.locator("img.only-light")).to_be_hidden()
    page.locator(".theme-toggle:visible").first.click()
    until(lambda: brightness(page) > 200)
    expect(page.locator("img.only-light")).to_be_visible()


@needs_browser
@pytest.mark.parametrize("name", ["settings", "metrics", "http-api"])
def test_tables_of_the_reference_are_not_cut_off(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}{name}.html")
    tables = page.locator(".table-wrapper")
    assert tables.count() > 0
    assert tables.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length") == 0
    last = "all => Math.min(...all.map(one => one.clientWidth))"
    assert page.locator(".table-wrapper td:last-child").evaluate_all(last) >= 150


@needs_browser
def test_charts_are_inverted_in_the_dark(page: Page, url: str) -> None:
    page.goto(f"{url}performance.html")
    chart = page.locator("img[src$='.svg']").first
    assert "invert" in chart.evaluate("image => getComputedStyle(image).filter")
    page.locator(".theme-toggle:visible").first.click()
    until(lambda: chart.evaluate("image => getComputedStyle(image).filter") == "none")


@needs_browser
def test_the_copy_button_copies_the_command_without_its_output(page: Page, url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{url}readme.html")
    page.locator(".highlight-console").first.hover()
    page.locator(".highlight-console button.copybtn").first.click()
    copied = until(lambda: page.evaluate("navigator.clipboard.readText()"))
    assert re.fullmatch(r"curl -s http://127\.0\.0\.1:3000/predict .*\}'\s*", copied, re.DOTALL), copied
