"""docs/scale.md as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.documents.runner import Document


@pytest.mark.slow("runs the command seven times, and a Dask cluster")
def test_every_block_does_what_it_shows(committed_home: Path, tmp_path: Path) -> None:
    at = tmp_path / "project"
    at.mkdir()
    Document(PROJECT / "docs" / "scale.md", at, committed_home).run()
