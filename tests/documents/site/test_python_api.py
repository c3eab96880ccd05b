"""The Python reference has what is public, as Markdown."""

from __future__ import annotations

from pathlib import Path

import griffe
import pytest

from docs.site import python_api
from docs.site.links import PROJECT

SOURCE = '''
"""What the module is for.

| a | b |
|---|---|
| 1 | `|x|` |
"""

from collections.abc import Callable
from pathlib import Path

LIMIT: int = 3
"""How many."""

PLAIN = 1
_HIDDEN = 2
"""Not shown."""

class Reader:
    """Reads.

    ```text
    a block
    ```
    """

    def __init__(self, path: Path, *, retries: int = 2, **options: str) -> None: ...

    @property
    def size(self) -> int:
        """Bytes."""

    async def read(self, on_part: Callable[[bytes], None] | None = None) -> "Reader":
        """Read all.

        Raises:
            OSError: the file is gone,
                or was never there.
        """

    def _step(self) -> None:
        """Not shown."""
'''


@pytest.fixture
def text(tmp_path: Path) -> str:
    package = tmp_path / "example"
    package.mkdir()
    (package / "__init__.py").write_text('"""An example."""\n')
    (package / "reading.py").write_text(SOURCE)
    module = griffe.load(
        "example", search_paths=[tmp_path], docstring_parser="google", allow_inspection=False
    )
    assert isinstance(module, griffe.Module)
    return python_api.page(module)


def test_a_page_has_the_folder_and_a_section_per_module(text: str) -> None:
    assert text.startswith("# example\n\n```{py:module} example\n```\n\nAn example.\n\n## reading\n")


def test_docstrings_stay_markdown(text: str) -> None:
    assert "\n| a | b |\n|---|---|\n| 1 | `|x|` |\n" in text


def test_constants_with_a_docstring_are_shown_with_type_and_value(text: str) -> None:
    assert '```{py:data} LIMIT\n:type: "int"\n:value: "3"\n\nHow many.\n```' in text


@pytest.mark.parametrize("name", ["PLAIN", "_HIDDEN", "_step", "Not shown", "self"])
def test_the_rest_is_not_shown(text: str, name: str) -> None:
    assert name not in text


def test_signatures_have_the_whole_names_of_types(text: str) -> None:
    assert "{py:class} Reader(path: ~pathlib.Path, *, retries: int = 2, **options: str)\n" in text
    signature = (
        "read(on_part: ~collections.abc.Callable[[bytes], None] | None = None) -> ~example.reading.Reader"
    )
    assert f"{{py:method}} {signature}\n:async:\n" in text


def test_a_property_is_shown_with_its_type(text: str) -> None:
    assert '```{py:property} size\n:type: "int"\n\nBytes.\n```' in text


def test_errors_are_a_list(text: str) -> None:
    assert "Raises:\n\n- `OSError`: the file is gone,\n  or was never there.\n" in text


def test_the_fence_of_a_class_is_longer_than_those_within(text: str) -> None:
    assert "\n````{py:class} Reader" in text


def test_every_module_of_both_services_has_a_section() -> None:
    pages = python_api.pages()
    modules = {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        for package in python_api.PACKAGES
        for path in (PROJECT / package).rglob("*.py")
        if "migrations" not in path.parts
    }
    text = "\n".join(pages.values())
    for module in modules:
        assert f"{{py:module}} {module.removesuffix('.__init__')}\n" in text
