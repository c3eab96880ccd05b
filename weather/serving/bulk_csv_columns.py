"""The columns of a CSV body that come back beside the forecasts, as ``score --keep`` has it for files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from time import perf_counter
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import parse_qs

from weather.contract.faults import Fault
from weather.contract.optional import NONE
from weather.contract.variables import ANSWER, FEATURES, MAX_ROWS
from weather.http.limits import KEEP, MAX_FAULTS
from weather.http.problems import bad_request
from weather.serving.bulk_csv import decoded, header_faults
from weather.serving.bulk_csv_lines import is_row, wrong_length
from weather.serving.bulk_rows import check_count, serve_others

Keep = Literal["all", "none"]

TURN_SECONDS = 0.0005
"""Rows are split for so long before other requests get their turn. Not a number of rows: how many columns
they have, and how long their values are, is the client's choice."""


LINE_END = "\r\n"
"""Python 3.11 puts a value with line breaks in quotes only if the writer's own line end has these."""


@dataclass(frozen=True)
class Columns:
    """CSV text to put before the forecasts: of the header, and of each row."""

    header: bytes
    rows: list[bytes]


def keep_of(query: bytes) -> Keep | None:
    """The query parameter ``keep``; None if there is none.

    Raises:
        Problem: 400, it is neither ``all`` nor ``none``.
    """
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("keep", [])
    match values:
        case []:
            return None
        case ["all" | "none" as keep]:
            return keep
    message = f"the query parameter keep must be {' or '.join(KEEP)}, once"
    raise bad_request([Fault([], message, "enum")])


async def separate(body: bytes, keep: Keep, optional: frozenset[str] = NONE) -> tuple[bytes, Columns | None]:
    """The body with its fields alone, and the columns to put before the forecasts: all, or none.

    Raises:
        Problem: 400, the body is not CSV, or has a column that the forecasts would be taken for.
    """
    reader = csv.reader(io.StringIO(decoded(body), newline=""), strict=True)
    try:
        return await _separate(reader, keep, optional)
    except csv.Error as error:
        message = f"line {reader.line_num:,} is not CSV: {error}"
        raise bad_request([Fault(["observations"], message, "csv_invalid")]) from None


async def _separate(reader: Any, keep: Keep, optional: frozenset[str]) -> tuple[bytes, Columns | None]:
    names = [name.strip() for name in next(reader)]
    faults = header_faults(",".join(names), names, optional, others=True)
    if keep == "all":
        faults += [
            Fault([], f"the column {name} would be taken for the forecast's: rename it", "csv_header")
            for name in ANSWER
            if name in names
        ]
    if faults:
        raise bad_request(faults)
    places = [place for place, name in enumerate(names) if name in FEATURES]
    fields = io.StringIO()
    write_fields = csv.writer(fields, lineterminator=LINE_END).writerow
    write_fields([names[place] for place in places])
    kept: list[bytes] = []

    def add(row: str) -> None:
        kept.append(row.removesuffix(LINE_END).encode() + b",")  # the comma before the forecast

    # Each row is written with one call.
    write_kept = csv.writer(SimpleNamespace(write=add), lineterminator=LINE_END).writerow
    write_kept(names)
    turn = perf_counter()
    for index, cells in enumerate(filter(is_row, reader)):
        if index == MAX_ROWS:
            check_count(index + 1 + sum(map(is_row, reader)))
        if len(cells) != len(names):
            faults.append(wrong_length(index, cells, names))
            if len(faults) == MAX_FAULTS:
                break
        else:
            write_fields([cells[place] for place in places])
            write_kept(cells)
        if perf_counter() - turn > TURN_SECONDS:
            await serve_others()
            turn = perf_counter()
    if faults:
        raise bad_request(faults)
    header, *rows = kept
    return fields.getvalue().encode(), Columns(header, rows) if keep == "all" else None
