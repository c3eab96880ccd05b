"""CSV line by line: for the faults of each line, and for lines that NumPy does not read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from weather.contract.csv_cells import number
from weather.contract.faults import Fault, faults
from weather.contract.optional import record_type
from weather.contract.variables import WeatherVariables, as_rows
from weather.http.limits import MAX_FAULTS
from weather.http.problems import bad_request
from weather.serving.bulk_rows import CHUNK, serve_others

NOT_A_TABLE = Fault(["observations"], "the lines after the first are not a table of numbers", "csv_invalid")


async def parse_lines(lines: str, names: list[str], optional: frozenset[str]) -> NDArray[np.float64]:
    """Like ``parse_csv`` for the lines after the header, one at a time.

    Raises:
        Problem: 400, see ``parse_csv``.
    """
    rejected: list[Fault] = []
    parts = []
    results = csv_records(lines, names, record_type(optional))
    while chunk := list(islice(results, CHUNK)):
        rejected += [item for item in chunk if isinstance(item, Fault)]
        if len(rejected) >= MAX_FAULTS:
            break
        parts.append(as_rows([item for item in chunk if not isinstance(item, Fault)]))
        await serve_others()
    if rejected or not parts:
        raise bad_request(rejected[:MAX_FAULTS] or [NOT_A_TABLE])
    return np.concatenate(parts)


def csv_records(
    lines: str, names: list[str], record: type[WeatherVariables]
) -> Iterator[WeatherVariables | Fault]:
    """The record of each line, or its faults; the values of the line are those of the fields ``names``."""
    reader = csv.reader(io.StringIO(lines, newline=""), strict=True)
    try:
        for index, cells in enumerate(filter(is_row, reader)):
            if len(cells) != len(names):
                yield wrong_length(index, cells, names)
                continue
            values = {name: number(cell) for name, cell in zip(names, cells, strict=True) if cell.strip()}
            try:
                yield record.model_validate(values)
            except ValidationError as error:
                yield from faults(error, "observations", index, number="a number")
    except csv.Error:
        yield NOT_A_TABLE


def is_row(cells: Sequence[str]) -> bool:
    """Whether a line has anything but blanks."""
    return len(cells) > 1 or bool("".join(cells).strip())


def wrong_length(index: int, cells: Sequence[str], names: Sequence[str]) -> Fault:
    """The fault of a line that has not as many values as the header has names."""
    return Fault(["observations", index], f"{len(cells)} values instead of {len(names)}", "csv_row")
