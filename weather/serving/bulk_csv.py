"""CSV bodies of bulk requests."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weather.contract.faults import Fault
from weather.contract.optional import NONE
from weather.contract.variables import FEATURES, MAX_ROWS, accepted_values
from weather.http.problems import bad_request
from weather.serving.bulk_csv_lines import parse_lines
from weather.serving.bulk_rows import check_count, pieces, serve_others

NUMERIC = b"0123456789+-.eE, \t\r\n"
"""The characters of a table of plain numbers."""

SEPARATORS = {";": "';'", "\t": "a tab"}
"""What other programs write instead of commas, and how to call it."""

MAX_NAMES = 10

KEEP_HINT = "remove them, or add keep=all to the query to have them back with the forecasts"

QUOTED = re.compile(r'(?<![^,\n])"([^",\r\n]*)"(?![^,\r\n])')
"""A cell in quotes. ``np.loadtxt`` would read ``"1"2`` as 12, so it gets cells without quotes only."""


async def parse_csv(body: bytes, optional: frozenset[str] = NONE) -> NDArray[np.float64]:
    """float64[n, features] from a header with the field names in any order, and one line per observation.

    Fields of ``optional`` may have empty cells or no column; there the rows have NaN.

    Raises:
        Problem: 400, with the row and field of each fault, up to MAX_FAULTS of them; ``loc`` counts
            data lines from 0.
    """
    header, _, lines = decoded(body).partition("\n")
    names = [name.strip().strip('"') for name in header.split(",")]
    if len(set(names)) < len(names) or not set(FEATURES) - optional <= set(names) <= set(FEATURES):
        raise bad_request(header_faults(header, names, optional))
    rows = await parse_pieces(lines, names, optional)
    if rows is not None:
        return rows
    check_count(sum(1 for line in lines.splitlines() if line.strip()))
    return await parse_lines(lines, names, optional)


def decoded(body: bytes) -> str:
    """The text of a body.

    Raises:
        Problem: 400, it is not UTF-8, or empty.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise bad_request([Fault([], "the body is not UTF-8", "csv_invalid")]) from None
    if not text:
        raise bad_request([Fault([], "the body is empty", "csv_invalid")])
    return text


def header_faults(
    header: str, names: Sequence[str], optional: frozenset[str], others: bool = False
) -> list[Fault]:
    """What is wrong with a first line; ``others`` says that it may name other columns than the fields.

    Of a line that names no field nothing is repeated: it may have values.
    """
    for separator, word in SEPARATORS.items():
        if not {name.strip().strip('"') for name in header.split(separator)}.isdisjoint(FEATURES):
            return [Fault([], f"the separator is {word}: separate the columns by commas", "csv_header")]
    if set(names).isdisjoint(FEATURES):
        message = f"the first line names none of the fields {', '.join(FEATURES)}"
        return [Fault([], message, "csv_header")]
    faults = []
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        message = f"the first line names a column more than once: {shortened(repeated)}"
        faults.append(Fault([], message, "csv_header"))
    if missing := [name for name in FEATURES if name not in names and name not in optional]:
        faults.append(Fault([], f"the first line lacks {', '.join(missing)}", "csv_header"))
    if not others and (surplus := [name for name in names if name not in FEATURES]):
        message = f"the first line has columns that are not fields: {shortened(surplus)}; {KEEP_HINT}"
        faults.append(Fault([], message, "csv_header"))
    return faults


def shortened(names: Sequence[str]) -> str:
    """Names of a client's, as many of them and of their characters as a message may have."""
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return ", ".join(name[:64] or "(empty)" for name in names[:MAX_NAMES]) + more


async def parse_pieces(
    lines: str, names: Sequence[str], optional: frozenset[str]
) -> NDArray[np.float64] | None:
    """Like ``parse_csv`` for the lines after the header; None for those with faults or of unusual form."""
    absent = optional.difference(names)
    parts = []
    count = 0
    for piece in pieces(lines, "\n"):
        if '"' in piece:
            piece = QUOTED.sub(r"\1", piece)
        table = numbers(piece, len(names))
        may_be_missing = absent
        if table is None and optional and not piece.encode().translate(None, NUMERIC):
            table = numbers(with_nan(piece), len(names))
            may_be_missing = optional
        if table is None or not accepted_values(rows := in_order(table, names), may_be_missing).all():
            return None
        if (count := count + len(rows)) > MAX_ROWS:
            return None
        parts.append(rows)
        await serve_others()
    return np.concatenate(parts) if count else None


def numbers(lines: str, columns: int) -> NDArray[np.float64] | None:
    """The lines as float64[n, columns]; None if they are not such a table."""
    if lines.isspace():
        return np.empty((0, columns))
    try:
        table = np.loadtxt(io.StringIO(lines), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == columns else None


def with_nan(lines: str) -> str:
    """The lines with ``nan`` in empty cells, for ``np.loadtxt``."""
    text = f"\n{lines}\n".replace("\r\n", "\n")
    text = text.replace("\n,", "\nnan,").replace(",\n", ",nan\n")
    # A second time for three commas in a row.
    return text.replace(",,", ",nan,").replace(",,", ",nan,")


def in_order(table: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """The columns ``names`` in the order of the contract, NaN in those that are not there."""
    rows = np.full((len(table), len(FEATURES)), np.nan)
    rows[:, [FEATURES.index(name) for name in names]] = table
    return rows
