"""What was measured goes to the end of pytest's output."""

from __future__ import annotations

import pytest

REPORT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin the report."""
    config.stash[REPORT] = []


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> list[str]:
    """Lines to show at the end."""
    return pytestconfig.stash[REPORT]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show it, whatever became of the tests."""
    lines = config.stash[REPORT]
    if lines:
        terminalreporter.section("the image")
        terminalreporter.write_line("\n".join(lines))
