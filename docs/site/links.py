"""The links of a document, and how they read on the site, where documents have other addresses."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FILES = "files"
"""Folder of the site's source for the files of the repository that documents show or link to."""

# Code, in which nothing is a link; or a link's target, and its anchor.
LINK = re.compile(
    r"(^```.*?^```$|`[^`\n]*`)|(?<=\]\()([^)\s>:#]+)(#[^)\s]*)?(?=\))", re.MULTILINE | re.DOTALL
)

# Text of a link that is the document's name; without a text the site shows the title.
NAME = re.compile(r"\[[\w/-]+\.(?:md|ipynb)\](?=\()")

# What GitHub shows by the reader's theme.
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

    ``pages`` has each page's file in the site's source by the document's path. ``files`` are the other files
    that the document needs, by their path in the repository.
    """

    def __init__(self, path: str, pages: Mapping[str, str]) -> None:
        self.path = path
        self.pages = pages
        self.files: set[str] = set()

    def notebook(self, text: str) -> str:
        """A notebook with the links of its Markdown cells rewritten."""
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = self.markdown("".join(cell["source"]))
        return json.dumps(notebook)

    def markdown(self, text: str) -> str:
        """A text with the links rewritten.

        Raises:
            BadLink: a link leads to nothing, or to a folder.
        """
        text = PICTURE.sub(r"![\2](\3){.only-light} ![\2](\1){.only-dark}", NAME.sub("[]", text))
        return LINK.sub(lambda link: self.address(link[2]) + (link[3] or "") if link[2] else link[0], text)

    def address(self, target: str) -> str:
        """The path from the document's page to what it links to."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), target))
        if path not in self.pages:
            if not (PROJECT / path).is_file():
                raise BadLink(f"{self.path} links to {target}, which is neither a document nor a file")
            self.files.add(path)
        place = self.pages.get(path, f"{FILES}/{path}")
        return posixpath.relpath(place, posixpath.dirname(self.pages[self.path]) or ".")
