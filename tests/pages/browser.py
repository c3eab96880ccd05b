"""The installed Chromium, driven by Playwright, with its connections to its vendor switched off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.waiting import PATIENCE

# Playwright gives up after 5 s where it is told nothing else.
expect.set_options(timeout=1000 * PATIENCE)

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

FLAGS = [
    "--no-sandbox",  # root has none, and the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1000 * PATIENCE)
        try:
            yield running
        finally:
            running.close()


def patient(page: Page) -> Page:
    """A page that gives up what does not come in PATIENCE, not in 30 s."""
    page.set_default_timeout(1000 * PATIENCE)
    return page
