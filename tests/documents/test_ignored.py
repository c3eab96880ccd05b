"""git ignores what the documents' commands write. The runner checks it for the commands that it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.documents.runner import blocks, is_ignored
from tests.documents.test_links import documents

SHELL = ("console", "sh")
WRITTEN = re.compile(r"(?: --out | --ssl-keyfile | -o | tee |[ 12]> ?)([\w.][\w.-]*)(/\S*)?")
"""A relative path behind what writes to it, or what reads a secret from it: its first name, and the rest."""


def written(document: Path) -> set[str]:
    """What commands write into the project's folder; a folder ends with a slash."""
    return {
        f"{name}/" if rest else name
        for block in blocks(document.read_text())
        if block.language in SHELL
        for name, rest in WRITTEN.findall(block.text)
    }


def test_what_is_written_is_found() -> None:
    assert written(PROJECT / "docs" / "first-model.md") == {"mine"}
    assert written(PROJECT / "docs" / "lifecycle.md") == {"lifecycle/"}
    assert {"keys", "key.txt", "client-key"} <= written(PROJECT / "docs" / "clients.md")


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_what_commands_write_is_ignored(document: Path) -> None:
    for name in written(document):
        assert is_ignored(name) or is_ignored(f"{name}/"), name


def test_not_everything_is_ignored() -> None:
    assert not is_ignored("service.py")
    assert not is_ignored("weather/")
