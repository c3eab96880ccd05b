"""Takes docs/page.png and docs/page-dark.png of a service's page: make picture."""

from __future__ import annotations

import io
from typing import Literal

from PIL import Image
from playwright.sync_api import ViewportSize

from loadtest.figures import record
from loadtest.serving import PROJECT, served, store
from tests.pages.browser import browser

SIZE: ViewportSize = {"width": 980, "height": 1200}
SCHEMES: dict[Literal["light", "dark"], str] = {"light": "page.png", "dark": "page-dark.png"}


def main() -> None:
    """The page of a service of its own, with the preset that it starts with, in both colour schemes."""
    with store() as home, served(home) as url, browser() as running:
        for scheme, name in SCHEMES.items():
            page = running.new_page(viewport=SIZE, reduced_motion="reduce", color_scheme=scheme)
            page.goto(url)
            page.locator("#curve svg").wait_for()
            taken = Image.open(io.BytesIO(page.screenshot()))
            taken.quantize(256).save(PROJECT / "docs" / name, optimize=True)
    record("make picture")


if __name__ == "__main__":
    main()
