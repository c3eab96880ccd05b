"""The pages of the site, from the repository's documents.

``docs/README.md`` is the front page, here and on GitHub. The documents that it links to are the pages, and its
sections are the parts of the navigation, so a document is listed in one place. Documents have other addresses
on the site than in the repository, so their links are rewritten.
"""

from __future__ import annotations

import json
import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FRONT = "docs/README.md"
RECORDS = "docs/decisions"
REFERENCE = "Reference"
GENERATED = ("http-api", "metrics", "python-api")
"""Pages made from the code, which the front page's section *Reference* lists on the site."""

# Code, in which nothing is a link; or a link's target, and its anchor.
LINK = re.compile(
    r"(^```.*?^```$|`[^`\n]*`)|(?<=\]\()([^)\s>:#]+)(#[^)\s]*)?(?=\))", re.MULTILINE | re.DOTALL
)

# Text of a link that is the document's name: the site shows its title instead.
NAME = re.compile(r"\[[\w/-]+\.(?:md|ipynb)\](?=\()")

# What GitHub shows by the reader's theme.
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*'
    r'<img alt="([^"]*)" src="([^"]+)">\s*</picture>'
)

SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)


class BadLink(ValueError):
    """A document links to what the repository does not have; the message names both."""


def page_of(path: str) -> str:
    """The page's name on the site, for a document's path in the repository."""
    if path == FRONT:
        return "index"
    name = posixpath.splitext(path)[0]
    return name.removeprefix("docs/") if name.startswith("docs/") else posixpath.basename(name).lower()


def targets(path: str, text: str) -> Iterator[str]:
    """The paths in the repository that a document links to, in their order."""
    for link in LINK.finditer(text):
        if link[2]:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), link[2]))


def documents() -> list[str]:
    """The paths of the documents that become pages: those on the front page, and the decision records."""
    listed = targets(FRONT, (PROJECT / FRONT).read_text())
    records = sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / RECORDS).glob("*.md"))
    return [FRONT, *dict.fromkeys(path for path in listed if path.endswith((".md", ".ipynb"))), *records]


def toctree(pages: Iterable[str], **options: str) -> str:
    """The directive that places pages in the navigation."""
    lines = [f":{name}: {value}".rstrip() for name, value in options.items()]
    return "\n".join(["```{toctree}", *lines, "", *pages, "```", ""])


def write(folder: Path, generated: dict[str, str]) -> None:
    """Write what Sphinx reads: the documents, the files that they show or link to, and generated pages.

    ``generated`` has the text of pages by their name.

    Raises:
        BadLink: a document links to what is not in the repository, or to a folder.
    """
    pages = documents()
    for path in pages:
        text = (PROJECT / path).read_text()
        if path == FRONT:
            text = navigation(text)
        if path == f"{RECORDS}.md":
            records = [page_of(record) for record in pages if record.startswith(f"{RECORDS}/")]
            text += "\n" + toctree(records, hidden="")
        place(folder, page_of(path) + posixpath.splitext(path)[1], moved(path, text, pages, folder))
    for page, text in generated.items():
        place(folder, f"{page}.md", text)


def place(folder: Path, name: str, text: str) -> None:
    """Write one file, in whatever folders its name has."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def navigation(front: str) -> str:
    """The front page with its navigation: a section's title is the caption of the pages that it links to."""
    intro, *sections = SECTION.split(front)
    parts, listed = [intro], set[str]()
    for title, section in zip(sections[::2], sections[1::2], strict=True):
        linked = dict.fromkeys(page_of(path) for path in targets(FRONT, section))
        pages = [page for page in linked if page not in listed]
        listed.update(pages)
        parts += [f"## {title}\n", section, "\n", toctree(pages, hidden="", caption=title), "\n"]
        if title == REFERENCE:
            parts += ["Made from the code:\n\n", toctree(GENERATED, maxdepth="1"), "\n"]
    return "".join(parts)


def moved(path: str, text: str, pages: list[str], folder: Path) -> str:
    """A document's text with the links that it needs on the site; files that it links to are copied."""

    def address(target: str, anchor: str) -> str:
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if found in pages:
            place_there = page_of(found) + posixpath.splitext(found)[1]
        elif (PROJECT / found).is_file():
            place_there = f"files/{found}"
            (folder / place_there).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / found, folder / place_there)
        else:
            raise BadLink(f"{path} links to {target}, which is neither a document nor a file")
        return posixpath.relpath(place_there, posixpath.dirname(page_of(path)) or ".") + anchor

    def rewritten(markdown: str) -> str:
        markdown = NAME.sub("[]", markdown)
        markdown = PICTURE.sub(r"![\2](\3){.only-light} ![\2](\1){.only-dark}", markdown)
        return LINK.sub(lambda link: address(link[2], link[3] or "") if link[2] else link[0], markdown)

    if not path.endswith(".ipynb"):
        return rewritten(text)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewritten("".join(cell["source"]))
    return json.dumps(notebook)
