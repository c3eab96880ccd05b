"""docs/command-line.md as it stands."""

from __future__ import annotations

from pathlib import Path

from loadtest.serving import PROJECT
from tests.documents.runner import Document


def test_every_block_does_what_it_shows(committed_home: Path, tmp_path: Path) -> None:
    Document(PROJECT / "docs" / "command-line.md", tmp_path, committed_home).run()
