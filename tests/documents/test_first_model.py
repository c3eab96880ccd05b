"""docs/first-model.md as it stands, with the service in the container's place.

deploy/image/test_first_model.py runs it with the image and the container.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.documents.runner import Document


@pytest.mark.slow("trains and serves, twice")
def test_every_block_does_what_it_shows(tmp_path: Path) -> None:
    at = tmp_path / "project"
    at.mkdir()
    Document(PROJECT / "docs" / "first-model.md", at, tmp_path / "no-store").run()
    assert {path.name for path in at.iterdir() if not path.is_symlink()} == {"mine", "mine.csv"}
