"""Which cells of a CSV file are numbers: the same in a request and in a file to score."""

from __future__ import annotations


def number(cell: str) -> float | str:
    """A number if the cell is a decimal, else the cell. Python also takes 1_0 and digits of other scripts."""
    text = cell.strip()
    try:
        return float(text) if text.isascii() and "_" not in text else cell
    except ValueError:
        return cell
