"""The documents as a whole: each is listed in the index, and each link has a target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.serving import PROJECT

DOCS = PROJECT / "docs"
LEFT = {"reports", "results"}
"""Folders of what runs leave."""

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
NAMED_FILE = re.compile(r"`((?:weather|tests|loadtest|benchmarks|deploy|requirements|artifacts)/[\w./-]+)`")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def documents() -> list[Path]:
    """Those of the project. Hidden folders, as environments, are not entered: `make test-artifacts` fills its
    own at the same time, and each process of pytest-xdist would find other files, or a folder that goes.
    """
    folders = [path for path in PROJECT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    found = [path for folder in folders if folder.name not in LEFT for path in folder.rglob("*.md")]
    within = [path for path in found if not LEFT & set(path.relative_to(PROJECT).parts)]
    return sorted([*PROJECT.glob("*.md"), *within])


def anchors(document: Path) -> Iterator[str]:
    """Of the headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    for heading in HEADING.findall(FENCE.sub("", document.read_text())):
        text = LINK.sub("", heading.replace("[", "")) if "](" in heading else heading
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        yield f"{name}-{seen[name]}" if seen[name] else name
        seen[name] += 1


def links(document: Path) -> list[str]:
    return LINK.findall(CODE.sub("", FENCE.sub("", document.read_text())))


def test_the_index_lists_every_document() -> None:
    listed = {link for link in links(DOCS / "README.md") if "/" not in link}
    documents = {path.name for path in DOCS.iterdir() if path.suffix in (".md", ".ipynb")}
    assert listed == documents - {"README.md"}


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_and_anchor_leads_somewhere(document: Path) -> None:
    for link in links(document):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in set(anchors(target)), link


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_file_that_is_named_exists(document: Path) -> None:
    for path in re.findall(NAMED_FILE, FENCE.sub("", document.read_text())):
        assert (PROJECT / path).exists(), path


def test_the_README_leads_to_the_index_the_clients_and_the_tutorials() -> None:  # noqa: N802
    wanted = {
        "docs/README.md",
        "docs/clients.md",
        "docs/first-model.md",
        "docs/tutorial.ipynb",
        "docs/decisions.md",
    }
    assert wanted <= set(links(PROJECT / "README.md"))
