"""Takes a picture of the page of a running service: make picture URL=http://127.0.0.1:3000"""

from __future__ import annotations

import io
import sys

from PIL import Image
from playwright.sync_api import ViewportSize

from tests.browser import browser

SIZE: ViewportSize = {"width": 980, "height": 1200}


def main(url: str, file: str) -> None:
    """The page of a running service, with the preset that it starts with."""
    with browser() as running:
        page = running.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(url)
        page.locator("#curve svg").wait_for()
        taken = Image.open(io.BytesIO(page.screenshot()))
    taken.quantize(256).save(file, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
