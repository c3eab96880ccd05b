"""Rewriting the links of a document for the site, where documents have other addresses."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FILES = "files"
"""Folder of the site's source: copies of the files that documents show or link to."""

# Group 1: code, in which nothing is a link. Groups 2 and 3: a link's target and its anchor.
LINK = re.compile(
    r"(^```.*?^```$|`[^`\n]*`)|(?<=\]\()([^)\s>:#]+)(#[^)\s]*)?(?=\))", re.MULTILINE | re.DOTALL
)

# The text of a link if it is the document's name; for a link without text the site shows the title.
NAME = re.compile(r"\[[\w/-]+\.(?:md|ipynb)\](?=\()")

# A picture of which GitHub chooses the file by the reader's theme.
PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*'
    r'<img alt="([^"]*)" src="([^"]+)">\s*</picture>'
)


class BadLink(ValueError):
    """A document links to what the repository does not have; the message names both."""


def targets(path: str, text: str) -> Iterator[str]:
    """The paths in the repository that a document links to, in their order."""
    for link in LINK.finditer(text):
        if link[2]:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), link[2]))


class Links:
    """Rewrites the links of one document.

    ``pages`` maps the path of each document to its file in the site's source. ``files`` collects the paths of
    the other files that the document shows or links to.
    """

    def __init__(self, path: str, pages: Mapping[str, str]) -> None:
        self.path = path
        self.pages = pages
        self.files: set[str] = set()

    def notebook(self, text: str) -> str:
        """Rewrite the links in the Markdown cells of a notebook.

        Raises:
            BadLink: see ``markdown``.
        """
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = self.markdown("".join(cell["source"]))
        return json.dumps(notebook)

    def markdown(self, text: str) -> str:
        """Rewrite the links of a text.

        Raises:
            BadLink: a target is missing, or is a folder.
        """
        text = PICTURE.sub(r"![\2](\3){.only-light} ![\2](\1){.only-dark}", NAME.sub("[]", text))
        return LINK.sub(lambda link: self.address(link[2]) + (link[3] or "") if link[2] else link[0], text)

    def address(self, target: str) -> str:
        """The relative address of a link's target, from the document's page.

        Raises:
            BadLink: the target is missing, or is a folder.
        """
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), target))
        if path not in self.pages:
            if not (PROJECT / path).is_file():
                raise BadLink(f"{self.path} links to {target}, which is neither a document nor a file")
            self.files.add(path)
        place = self.pages.get(path, f"{FILES}/{path}")
        return posixpath.relpath(place, posixpath.dirname(self.pages[self.path]) or ".")
