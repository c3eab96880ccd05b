"""docs/lifecycle.md as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.documents.runner import Document


@pytest.mark.committed_model
@pytest.mark.slow("trains a model and starts services")
def test_every_block_does_what_it_shows(tmp_path: Path) -> None:
    at = tmp_path / "at"
    at.mkdir()
    Document(PROJECT / "docs" / "lifecycle.md", at, tmp_path / "home").run()
