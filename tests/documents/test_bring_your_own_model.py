"""The tutorial, from data to served answers, as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.documents.runner import Document


@pytest.mark.slow("trains")
def test_every_block_does_what_it_shows(tmp_path: Path) -> None:
    at, home = tmp_path / "project", tmp_path / "bentoml"
    at.mkdir()
    Document(PROJECT / "docs" / "bring-your-own-model.md", at, home).run()
    written = {path.name for path in at.iterdir() if not path.is_symlink()}
    assert written == {"mine.csv", "mine", "own", "old"}
