"""CSV in parts: byte ranges, cut at line breaks.

A quoted value may contain commas and quotes, but no line break: a reader that starts in the middle of a file
can't tell a line break within quotes from the end of a row. Such a file is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.csv import ConvertOptions, InvalidRow, ParseOptions, ReadOptions, read_csv

from weather.contract.csv_cells import number
from weather.contract.variables import FEATURES
from weather.scoring.chunks import Chunk
from weather.scoring.errors import NotScorable
from weather.scoring.job import Part
from weather.scoring.validation import Rejection, validate

BLOCK = 4 << 20
"""Number of bytes that are parsed at once."""

MAX_LINE = 1 << 20

BLANK = re.compile(rb'\s*("[ \t]*")?\s*')
"""Lines that are not rows; the API skips them as well."""

QUOTED = re.compile(rb'(?<![^,\n])"[^"\n]*(?:""[^"\n]*)*"(?=[,\r\n]|\Z)')
"""A cell in quotes."""

OPENED = re.compile(rb'(?<![^,\n])"')
"""A cell that begins with a quote, but is not a quoted cell. Arrow would read ``"1"2`` as 12."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
"""Numbers that Arrow and Python read alike. Rows with other values are validated one by one."""


def header_of(path: Path) -> list[str]:
    """The names in the first line.

    Raises:
        NotScorable: the file can't be read, is empty or not UTF-8, or has no line but the first.
    """
    try:
        with path.open("rb") as file:
            line = _line(file, path)
            rest = file.read(1)
    except OSError as error:
        raise NotScorable(f"{path} can't be read: {error.strerror}") from None
    if not line.strip():
        raise NotScorable(f"{path} is empty, or its first line is: the first line must name the columns")
    try:
        names = next(csv.reader([line.decode("utf-8-sig")], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotScorable(f"{path} is not CSV in UTF-8: {error}") from None
    if not rest:
        raise NotScorable(f"{path} has a header and no rows")
    return [name.strip() for name in names]


def chunks(path: Path, part: Part, columns: list[str], optional: frozenset[str]) -> Iterator[Chunk]:
    """The rows of a part, in blocks of lines.

    Raises:
        NotScorable: a block is not UTF-8, or has a line break within quotes.
    """
    header = header_of(path)
    with path.open("rb") as file:
        file.seek(max(0, part.start - 1))
        _line(file, path)  # the header, or the line that began in the part before
        while (start := file.tell()) < part.stop:
            block = file.read(min(BLOCK, part.stop - start))
            if not block.endswith(b"\n"):
                block += _line(file, path)
            yield _chunk(
                block, header, columns, optional, f"{path}, bytes {start:,} to {start + len(block):,}"
            )


def _chunk(block: bytes, header: list[str], columns: list[str], optional: frozenset[str], at: str) -> Chunk:
    table, wrong = _parsed(block, header, columns, at)
    count = table.num_rows + len(wrong)
    places = np.delete(np.arange(count), [rejection.row for rejection in wrong])
    values = np.full((table.num_rows, len(FEATURES)), np.nan)
    absent = np.ones(values.shape, np.bool_)
    cells = {name: table.column(name).combine_chunks() for name in FEATURES if name in header}
    for name, column in cells.items():
        field = FEATURES.index(name)
        values[:, field], absent[:, field] = _numbers(column)

    def record_at(row: int) -> dict[str, float | str]:
        texts = {name: column[row].as_py() for name, column in cells.items()}
        return {name: number(text) for name, text in texts.items() if text.strip()}

    good, rejections = validate(values, absent, optional, record_at)
    rejections = [rejection._replace(row=int(places[rejection.row])) for rejection in rejections]
    kept = table if good.all() else table.filter(pa.array(good))
    return Chunk(
        count,
        kept.select(columns),
        values[good],
        sorted([*rejections, *wrong], key=lambda rejection: rejection.row),
    )


def _parsed(block: bytes, header: list[str], columns: list[str], at: str) -> tuple[Any, list[Rejection]]:
    """The needed columns as text, and the rows with another number of cells than the header."""
    try:
        block.decode()
    except UnicodeDecodeError as error:
        raise NotScorable(f"{at}: not UTF-8: {error.reason} at byte {error.start:,} of these") from None
    table, wrong = _table(block, header, columns, at)
    if wrong or table.num_rows < _lines(block):
        # Arrow skips empty lines, but not those that contain only blanks.
        block = b"\n".join(line for line in block.split(b"\n") if not BLANK.fullmatch(line))
        table, wrong = _table(block, header, columns, at)
    broken = b'"' in block and OPENED.search(QUOTED.sub(b"", block))
    if broken or table.num_rows + len(wrong) != _lines(block):
        raise NotScorable(
            f"{at}: there is a line break within quotes, a quote that is not closed or not at the end of its "
            "cell, or a carriage return within a line: remove it, or write the rows as Parquet"
        )
    return table, wrong


def _table(block: bytes, header: list[str], columns: list[str], at: str) -> tuple[Any, list[Rejection]]:
    needed = [name for name in header if name in FEATURES or name in columns]
    text = pa.string()
    if not block:
        return pa.table({name: pa.array([], text) for name in needed}), []
    wrong: list[Rejection] = []

    def skip(row: InvalidRow) -> str:
        reason = f"{row.actual_columns} values instead of {row.expected_columns}"
        wrong.append(Rejection(row.number - 1, "", reason))
        return "skip"

    try:
        table = read_csv(
            pa.BufferReader(block),
            ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=header),
            ParseOptions(invalid_row_handler=skip),
            ConvertOptions(
                column_types=dict.fromkeys(needed, text), include_columns=needed, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise NotScorable(f"{at}: {error}") from None
    return table, wrong


def _lines(block: bytes) -> int:
    return block.count(b"\n") + (block[-1:] not in (b"", b"\n"))


def _numbers(cells: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers, NaN where a cell has none, and which cells are empty."""
    try:
        return pc.cast(cells, pa.float64()).to_numpy(), np.zeros(len(cells), np.bool_)
    except pa.ArrowInvalid:  # at least one cell is not a number
        trimmed = pc.ascii_trim_whitespace(cells)
        numbers = pc.if_else(pc.match_substring_regex(trimmed, NUMBER), trimmed, pa.scalar(None, pa.string()))
        values = pc.cast(numbers, pa.float64()).to_numpy(zero_copy_only=False)
        return values, pc.equal(trimmed, "").to_numpy(zero_copy_only=False)


def _line(file: BinaryIO, path: Path) -> bytes:
    """The rest of a line, with its end."""
    line = file.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise NotScorable(f"{path} has a line of more than {MAX_LINE:,} bytes: is it CSV?")
    return line
