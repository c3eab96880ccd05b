"""Reads the model card beside a pair of artifacts, for the model store."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weather.contract.names import CARD_FILE

MAX_CARD_BYTES = 256 << 10
MAX_PICTURE_BYTES = 512 << 10
MAX_PICTURES = 16

PICTURE = re.compile(r"!\[[^\]]*\]\(([\w-]+\.(?:svg|png))\)")
"""A picture in Markdown, in the card's own folder."""


@dataclass(frozen=True)
class Card:
    """The card and its pictures by file name, empty without a card; ``note`` is a sentence for the user."""

    note: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all files and their names, in hex; empty without a card."""
        if not self.files:
            return ""
        lines = [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(self.files.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


NO_CARD = Card("no model card: /model will show what the files contain")


def read_card(folder: Path, about: Sequence[str]) -> Card:
    """Read the card in ``folder`` and its pictures, if it contains every SHA-256 of ``about``.

    A faulty card does not stop an import: what can't be used is left out, and the note says why.
    """
    path = folder / CARD_FILE
    try:
        if not path.is_file():
            return NO_CARD
        if path.stat().st_size > MAX_CARD_BYTES:
            return Card(f"{path} was left out: it has more than {MAX_CARD_BYTES:,} bytes")
        content = path.read_bytes()
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        return Card(f"{path} was left out: {error}")
    if not all(digest in text for digest in about):
        return Card(f"{path} was left out: it is about other artifacts (it lacks the SHA-256 of these)")
    names = list(dict.fromkeys(PICTURE.findall(text)))
    pictures = {name: data for name in names[:MAX_PICTURES] if (data := _picture(folder / name))}
    left_out = [name for name in names if name not in pictures]
    note = f"model card with {len(pictures)} pictures"
    if left_out:
        note += f"; left out because missing or over {MAX_PICTURE_BYTES:,} bytes: {', '.join(left_out)}"
    return Card(note, {CARD_FILE: content, **pictures})


def _picture(path: Path) -> bytes:
    """The bytes of a picture; empty if it is missing, too large, or a symbolic link (to any file)."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_PICTURE_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
