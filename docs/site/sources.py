"""Writing the source of the site for Sphinx: the repository's documents, in the order of the front page.

``docs/README.md`` is the front page, on the site as on GitHub. The documents that it links to are the pages,
and its sections are the parts of the navigation. So a document is listed in one place only.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from docs.site.links import FILES, PROJECT, Links, targets

FRONT = "docs/README.md"
RECORDS = "docs/decisions"
DOCUMENTS = (".md", ".ipynb")
REFERENCE = "Reference"
GENERATED = ("http-api", "metrics", "python-api")
"""Pages made from the code; the site lists them in the section *Reference*."""

SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)


def page_of(path: str) -> str:
    """The name of a document's page on the site, from the document's path in the repository."""
    if path == FRONT:
        return "index"
    name = posixpath.splitext(path)[0]
    return name.removeprefix("docs/") if name.startswith("docs/") else posixpath.basename(name).lower()


def linked(text: str) -> list[str]:
    """The paths of the documents that a part of the front page links to, each once."""
    return list(dict.fromkeys(path for path in targets(FRONT, text) if path.endswith(DOCUMENTS)))


def documents() -> list[str]:
    """The paths of the documents that become pages: front page, what it links to, decision records."""
    records = sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / RECORDS).glob("*.md"))
    return [FRONT, *linked((PROJECT / FRONT).read_text()), *records]


def write(folder: Path, generated: Mapping[str, str]) -> None:
    """Write documents, the files that they show or link to, and generated pages to a folder.

    ``generated`` has texts in Markdown by the name of their page.

    Raises:
        BadLink: a document links to what is not in the repository, or to a folder.
    """
    pages = {path: page_of(path) + posixpath.splitext(path)[1] for path in documents()}
    for path, name in pages.items():
        links = Links(path, pages)
        text = (PROJECT / path).read_text()
        if path == FRONT:
            text = with_navigation(text)
        if path == f"{RECORDS}.md":
            text += "\n" + toctree(
                (page_of(path) for path in pages if path.startswith(f"{RECORDS}/")), hidden=""
            )
        write_file(folder, name, links.notebook(text) if name.endswith(".ipynb") else links.markdown(text))
        for file in links.files:
            (folder / FILES / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / file, folder / FILES / file)
    for page, text in generated.items():
        write_file(folder, f"{page}.md", text)


def write_file(folder: Path, name: str, text: str) -> None:
    """Write one file, and make the folders of its name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def with_navigation(front: str) -> str:
    """The front page with its navigation: each section's title is the caption of the pages it links to."""
    intro, *sections = SECTION.split(front)
    parts, listed = [intro], set[str]()
    for title, section in zip(sections[::2], sections[1::2], strict=True):
        pages = [page_of(path) for path in linked(section) if path not in listed]
        listed.update(linked(section))
        parts += [f"## {title}\n", section, "\n", toctree(pages, hidden="", caption=title), "\n"]
        if title == REFERENCE:
            parts += ["Made from the code:\n\n", toctree(GENERATED, maxdepth="1"), "\n"]
    return "".join(parts)


def toctree(pages: Iterable[str], **options: str) -> str:
    """The directive that adds pages to the navigation; ``options`` are those of Sphinx's ``toctree``."""
    lines = [f":{name}: {value}".rstrip() for name, value in options.items()]
    return "\n".join(["```{toctree}", *lines, "", *pages, "```", ""])
