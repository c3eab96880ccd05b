"""Markdown tables, and their place in a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from loadtest.figures import record


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without padding; the cells are text and hold no ``|``."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def publish(document: Path, command: str, text: str) -> None:
    """Replace the text between ``<!-- command -->`` and ``<!-- end of command -->``, and record it.

    Raises:
        ValueError: the document does not have each of the two marks exactly once.
    """
    start, end = f"<!-- {command} -->\n", f"<!-- end of {command} -->"
    content = document.read_text()
    if content.count(start) != 1 or content.count(end) != 1:
        raise ValueError(f"{document} must have the marks of {command!r} exactly once")
    before, _, rest = content.partition(start)
    document.write_text(f"{before}{start}{text.rstrip()}\n{end}{rest.partition(end)[2]}")
    record(command)


def excerpt(text: str, rows: Sequence[str], columns: Sequence[str]) -> str:
    """A text whose Markdown table is reduced to these rows (by first cell) and columns (by title).

    Rows that the table does not have are ignored. Lines outside of the table are kept.

    Raises:
        ValueError: the table does not have one of the columns.
    """
    lines = []
    header: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            lines.append(line)
            continue
        header = header or cells
        if cells in (header, ["---"] * len(header)) or cells[0] in rows:
            lines.append(f"| {' | '.join(cells[header.index(column)] for column in columns)} |")
    return "\n".join(lines)
