"""Many observations in one request: JSON or CSV in, forecasts in the same order and format out.

The rows are a batch already, so they go to the classifier directly, without the dispatcher. They are
processed in chunks, and between chunks the event loop serves other requests.
"""

from __future__ import annotations

import asyncio
import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
from bentoml import IODescriptor
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from weather.contract.faults import Fault, faults, json_fault
from weather.contract.optional import NONE, record_type
from weather.contract.variables import (
    FEATURES,
    LABELS,
    LIMITS,
    MAX_ROWS,
    Forecasts,
    Observations,
    WeatherVariables,
    as_rows,
)
from weather.http.limits import MAX_FAULTS
from weather.http.problems import Problem, bad_request
from weather.model.classifier import Classifier

CSV = "text/csv"
JSON = "application/json"

CHUNK = 64
"""Rows processed before other requests get their turn; a chunk takes about half a millisecond."""

NOT_A_TABLE = Fault(["observations"], "the lines after the first are not a table of numbers", "csv_invalid")

LOW, HIGH = np.array([LIMITS[name] for name in FEATURES]).T


@cache
def records_of(record: type[WeatherVariables]) -> TypeAdapter[list[WeatherVariables]]:
    """Validates lists of a type of records."""
    return TypeAdapter(list[record])  # type: ignore[valid-type]


@dataclass(frozen=True)
class Bulk:
    """n observations, float64[n, features] in the contract's order, and the media type of the request."""

    rows: NDArray[np.float64]
    media_type: str


@dataclass(frozen=True)
class Answers:
    """n decisions, n probabilities (None each without calibration), and the media type of the response."""

    decisions: list[bool]
    probabilities: list[float] | list[None]
    media_type: str


async def answer(classifier: Classifier, bulk: Bulk) -> Answers:
    """Forecast every row with the same classifier; other requests are served between chunks."""
    decisions: list[bool] = []
    probabilities: list[float | None] = []
    for part in chunks(len(bulk.rows)):
        decided, probability = classifier.decide(bulk.rows[part])
        decisions += decided
        probabilities += probability
        await asyncio.sleep(0)
    return Answers(decisions, probabilities, bulk.media_type)  # type: ignore[arg-type]


class BulkObservations(Observations, IODescriptor):  # type: ignore[misc]
    """``Observations`` as a request body, for BentoML's schema and clients."""

    __root_input__ = True


class BulkForecasts(Forecasts, IODescriptor):  # type: ignore[misc]
    """``Forecasts`` as a response body, for BentoML's schema and clients."""


async def parse(body: bytes, media_type: str, optional: frozenset[str] = NONE) -> Bulk:
    """All rows of a JSON or CSV body; NaN where a value of a field of ``optional`` is missing.

    Raises:
        Problem: 400, with the row and field of each fault, up to MAX_FAULTS of them.
    """
    rows = await (parse_csv if media_type == CSV else parse_json)(body, optional)
    return Bulk(rows, media_type)


def write(answers: Answers) -> bytes:
    """The forecasts in the format of the request.

    The text is written directly: serialising 10,000 pydantic models takes three times as long.
    """
    labels = (LABELS[decision] for decision in answers.decisions)
    pairs = zip(labels, answers.probabilities, strict=True)
    if answers.media_type == CSV:
        lines = [f"{label},{'' if p is None else p}" for label, p in pairs]
        return ("prediction,probability\n" + "\n".join(lines) + "\n").encode()
    items = [f'{{"prediction":"{label}","probability":{"null" if p is None else p}}}' for label, p in pairs]
    return ('{"forecasts":[' + ",".join(items) + "]}").encode()


async def parse_json(body: bytes, optional: frozenset[str] = NONE) -> NDArray[np.float64]:
    """float64[n, features] from ``{"observations": [{…}, …]}``; NaN for what is missing.

    Raises:
        Problem: 400, see ``parse``.
    """
    try:
        document = from_json(body.removeprefix(BOM_UTF8))
    except ValueError as error:
        raise bad_request([json_fault(str(error))]) from None
    if not isinstance(document, dict) or document.keys() != {"observations"}:
        raise bad_request([Fault([], 'expected one JSON object: {"observations": [{…}, …]}', "model_type")])
    records = document["observations"]
    if not isinstance(records, list):
        raise bad_request([Fault(["observations"], "observations must be an array of objects", "list_type")])
    check_count(len(records))
    rejected: list[Fault] = []
    parts = []
    record = WeatherVariables
    for part in chunks(len(records)):
        try:
            try:
                validated = records_of(record).validate_python(records[part])
            except ValidationError:
                record = record_type(optional)
                validated = records_of(record).validate_python(records[part])
            parts.append(as_rows(validated))
        except ValidationError:
            rejected += json_faults(records[part], part.start, record)
            if len(rejected) >= MAX_FAULTS:
                break
        await asyncio.sleep(0)
    if rejected:
        raise bad_request(rejected[:MAX_FAULTS])
    return np.concatenate(parts)


def json_faults(records: list[object], first: int, record: type[WeatherVariables]) -> Iterator[Fault]:
    """The faults of a chunk of records; ``first`` is the index of its first record."""
    for index, value in enumerate(records, first):
        try:
            record.model_validate(value)
        except ValidationError as error:
            yield from faults(error, "observations", index)


async def parse_csv(body: bytes, optional: frozenset[str] = NONE) -> NDArray[np.float64]:
    """float64[n, features] from a header with the field names in any order, and one line per observation.

    Fields of ``optional`` may have empty cells or no column; there the rows have NaN.

    Raises:
        Problem: 400, see ``parse``; ``loc`` counts data lines from 0.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise bad_request([Fault([], "the body is not UTF-8", "csv_invalid")]) from None
    if not text:
        raise bad_request([Fault([], "the body is empty", "csv_invalid")])
    header, _, lines = text.partition("\n")
    names = [name.strip().strip('"') for name in header.split(",")]
    if len(set(names)) < len(names) or not set(FEATURES) - optional <= set(names) <= set(FEATURES):
        message = f"the first line must name the fields {','.join(FEATURES)}, each once"
        raise bad_request([Fault([], message, "csv_header")])
    check_count(sum(1 for line in lines.splitlines() if line.strip()))
    columns = [FEATURES.index(name) for name in names]
    try:
        table = np.loadtxt(io.StringIO(lines), delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError:
        table = np.empty((0, 0))
    if table.shape[1] == len(names) and ((table >= LOW[columns]) & (table <= HIGH[columns])).all():
        rows = np.full((len(table), len(FEATURES)), np.nan)
        rows[:, columns] = table
        return rows
    return await parse_lines(lines, names, optional)


async def parse_lines(lines: str, names: list[str], optional: frozenset[str]) -> NDArray[np.float64]:
    """Like ``parse_csv`` for the lines after the header, but slow: for those with empty cells or faults.

    Raises:
        Problem: 400, see ``parse``.
    """
    rejected: list[Fault] = []
    parts = []
    results = csv_records(lines, names, record_type(optional))
    while chunk := list(islice(results, CHUNK)):
        rejected += [item for item in chunk if isinstance(item, Fault)]
        if len(rejected) >= MAX_FAULTS:
            break
        parts.append(as_rows([item for item in chunk if not isinstance(item, Fault)]))
        await asyncio.sleep(0)
    # Complete rows that np.loadtxt does not read have a fault that the csv module does not see.
    if rejected or not parts or not np.isnan(rows := np.concatenate(parts)).any():
        raise bad_request(rejected[:MAX_FAULTS] or [NOT_A_TABLE])
    return rows


def csv_records(
    lines: str, names: list[str], record: type[WeatherVariables]
) -> Iterator[WeatherVariables | Fault]:
    """The record of each line, or its faults; the values of the line are those of the fields ``names``."""
    reader = csv.reader(io.StringIO(lines, newline=""))
    try:
        for index, cells in enumerate(cells for cells in reader if len(cells) > 1 or "".join(cells).strip()):
            if len(cells) != len(names):
                message = f"{len(cells)} values instead of {len(names)}"
                yield Fault(["observations", index], message, "csv_row")
                continue
            values = {name: _number(cell) for name, cell in zip(names, cells, strict=True) if cell.strip()}
            try:
                yield record.model_validate(values)
            except ValidationError as error:
                yield from faults(error, "observations", index, number="a number")
    except csv.Error:
        yield NOT_A_TABLE


def check_count(rows: int) -> None:
    """Reject a request without rows or with too many.

    Raises:
        Problem: 400.
    """
    if not 1 <= rows <= MAX_ROWS:
        message = f"the request has {rows:,} observations: give 1 to {MAX_ROWS:,}"
        raise Problem(400, message, [Fault(["observations"], message, "list_length")])


def chunks(rows: int) -> Iterator[slice]:
    """Slices of CHUNK rows."""
    return (slice(first, first + CHUNK) for first in range(0, rows, CHUNK))


def _number(cell: str) -> float | str:
    """A number if ``np.loadtxt`` accepts the cell; Python also accepts 1_0 and digits of other scripts."""
    text = cell.strip()
    try:
        return float(text) if text.isascii() and "_" not in text else cell
    except ValueError:
        return cell
