"""Takes the README's picture of the page: python -m tests.picture http://127.0.0.1:3000 docs/page.png"""

from __future__ import annotations

import sys

from playwright.sync_api import ViewportSize

from tests.browser import browser

SIZE: ViewportSize = {"width": 1080, "height": 1240}


def main(url: str, file: str) -> None:
    """The page of a running service, with the preset that it starts with."""
    with browser() as running:
        page = running.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(url)
        page.locator("#curve svg").wait_for()
        page.screenshot(path=file)


if __name__ == "__main__":
    main(*sys.argv[1:])
