"""Takes docs/page.png of a service's page: make picture."""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import ViewportSize

from loadtest.figures import record
from loadtest.serving import PROJECT, served, store
from tests.pages.browser import browser

SIZE: ViewportSize = {"width": 980, "height": 1200}


def main() -> None:
    """The page of a service of its own, with the preset that it starts with."""
    with store() as home, served(home) as url, browser() as running:
        page = running.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(url)
        page.locator("#curve svg").wait_for()
        taken = Image.open(io.BytesIO(page.screenshot()))
    taken.quantize(256).save(PROJECT / "docs" / "page.png", optimize=True)
    record("make picture")


if __name__ == "__main__":
    main()
