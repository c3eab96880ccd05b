"""Counts, shares and lists as people write them, and text in lines."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

WIDTH = 110

UNWRAPPED = re.compile(r"[#|!]")
"""How headings, tables and pictures begin in Markdown."""


def thousands(number: float) -> str:
    """``2,729``."""
    return f"{int(number):,}"


def counted(number: float, noun: str) -> str:
    """``1 row``, ``2,729 rows``."""
    return f"{thousands(number)} {noun}{'' if number == 1 else 's'}"


def share(fraction: float) -> str:
    """``0 %``, ``below 0.1 %``, ``1.8 %``, ``34 %``, ``above 99.9 %``."""
    percent = 100 * fraction
    if 0 < percent < 0.1:
        return "below 0.1 %"
    if 99.9 < percent < 100:
        return "above 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) or 10 <= percent <= 90 else f"{percent:.1f} %"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def wrapped(markdown: str) -> str:
    """Markdown whose paragraphs and list items have lines of at most WIDTH characters."""
    blocks = [_filled(block) for block in markdown.strip().split("\n\n")]
    return "\n\n".join(blocks) + "\n"


def _filled(block: str) -> str:
    if UNWRAPPED.match(block):
        return block
    items = re.split(r"\n(?=- )", block)
    return "\n".join(
        textwrap.fill(
            " ".join(item.split()),
            WIDTH,
            subsequent_indent="  " if item.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for item in items
    )
