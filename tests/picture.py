"""Takes docs/page.png of a service's page: make picture."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import ViewportSize

from loadtest.serving import PROJECT, served
from tests.browser import browser

SIZE: ViewportSize = {"width": 980, "height": 1200}


def main() -> None:
    """The page of a service of its own, with the preset that it starts with."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True"}
        subprocess.run(
            [sys.executable, "train_import.py", "import"], cwd=PROJECT, env=environment, check=True
        )
        with served(Path(home)) as url, browser() as running:
            page = running.new_page(viewport=SIZE, reduced_motion="reduce")
            page.goto(url)
            page.locator("#curve svg").wait_for()
            taken = Image.open(io.BytesIO(page.screenshot()))
    taken.quantize(256).save(PROJECT / "docs" / "page.png", optimize=True)


if __name__ == "__main__":
    main()
