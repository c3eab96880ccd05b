"""The pages and the navigation come from the front page."""

from __future__ import annotations

from pathlib import Path

from docs.site import sources
from docs.site.links import PROJECT

FRONT = """# Title

See [one](one.md).

## First
[one](one.md), [two](../TWO.md#part), [one](one.md), [a file](../deploy/compose.yaml)

## Reference
[three](three.ipynb), [two](../TWO.md)
"""


def test_names_of_pages() -> None:
    paths = ["docs/README.md", "docs/clients.md", "docs/decisions/0001-x.md", "artifacts/MODEL_CARD.md"]
    assert [sources.page_of(path) for path in paths] == ["index", "clients", "decisions/0001-x", "model_card"]


def test_every_document_and_record_is_a_page_once() -> None:
    documents = sources.documents()
    assert len(set(documents)) == len(documents)
    own = {str(path.relative_to(PROJECT)) for path in (PROJECT / "docs").rglob("*.md")}
    assert own | {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} <= set(documents)
    assert len({sources.page_of(path) for path in documents}) == len(documents)


def test_a_section_lists_its_documents_in_order_and_each_is_listed_once() -> None:
    written = sources.with_navigation(FRONT)
    first = "```{toctree}\n:hidden:\n:caption: First\n\none\ntwo\n```\n"
    reference = "```{toctree}\n:hidden:\n:caption: Reference\n\nthree\n```\n"
    assert first in written
    assert reference in written
    assert written.index("## First\n") < written.index(first) < written.index("## Reference\n")


def test_the_reference_lists_the_generated_pages() -> None:
    written = sources.with_navigation(FRONT)
    assert "```{toctree}\n:maxdepth: 1\n\nhttp-api\nmetrics\npython-api\n```\n" in written


def test_what_sphinx_reads(tmp_path: Path) -> None:
    sources.write(tmp_path, {"metrics": "# Metrics\n"})
    assert (tmp_path / "index.md").read_text().startswith("# Rain forecast\n")
    assert (tmp_path / "metrics.md").read_text() == "# Metrics\n"
    assert (tmp_path / "files/docs/bench.svg").read_bytes() == (PROJECT / "docs/bench.svg").read_bytes()
    records = (tmp_path / "decisions.md").read_text()
    assert "\ndecisions/0001-batching-in-one-process\ndecisions/0002-" in records
