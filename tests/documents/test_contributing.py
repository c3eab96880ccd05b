"""CONTRIBUTING.md, and the make targets that any document names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.documents.runner import Document
from tests.documents.test_links import documents


def test_every_block_can_be_run(url: str, bentoml_home: Path, tmp_path: Path) -> None:
    Document(PROJECT / "CONTRIBUTING.md", tmp_path, bentoml_home, url).run()


def test_every_folder_in_the_table_exists() -> None:
    folders = re.findall(r"`(weather/\w+)/`", (PROJECT / "CONTRIBUTING.md").read_text())
    assert folders
    for folder in folders:
        assert (PROJECT / folder).is_dir(), folder


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_make_target_exists(document: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", document.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
