"""docs/fork.md as it stands; tests/fork/ runs its command."""

from __future__ import annotations

from pathlib import Path

from fork.declaration import FieldDeclaration, Target
from loadtest.serving import PROJECT
from tests.documents.runner import Document, blocks

DOCUMENT = PROJECT / "docs" / "fork.md"


def test_every_block_does_what_it_shows(tmp_path: Path) -> None:
    Document(DOCUMENT, tmp_path, tmp_path).run()


def test_the_declaration_is_the_file_that_the_command_names() -> None:
    command, declaration = blocks(DOCUMENT.read_text())
    assert "FIELDS=fork/examples/iris.toml" in command.text
    assert declaration.text == (PROJECT / "fork" / "examples" / "iris.toml").read_text()


def test_the_tables_have_every_key() -> None:
    text = DOCUMENT.read_text()
    for key in (*FieldDeclaration.model_fields, *Target.model_fields):
        assert f"`{key}`" in text, key
