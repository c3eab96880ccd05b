"""Many hours in one request: JSON or CSV in, forecasts in the same order and form out.

Bulk rows go straight to the classifier, past the dispatcher: they are a batch already. They go in
chunks, and between chunks the event loop serves everyone else.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from weather.contract.faults import Fault, faults
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
from weather.http.problems import Problem, refusal
from weather.model.classifier import Classifier
from weather.serving.bentoml_internals import IODescriptor

CSV = "text/csv"
JSON = "application/json"

CHUNK = 64
"""Rows between two looks at other requests: half a millisecond or so."""

NO_TABLE = Fault(["observations"], "the lines after the first are no table of numbers", "csv_invalid")

LOW, HIGH = np.array([LIMITS[name] for name in FEATURES]).T

_records = TypeAdapter(list[WeatherVariables])


@dataclass(frozen=True)
class Bulk:
    """n observations, float64[n, 7] in the contract's order, and the form they came in."""

    rows: NDArray[np.float64]
    media_type: str


@dataclass(frozen=True)
class Answers:
    """n decisions, n probabilities (or None each), and the form that is wanted."""

    rain: list[bool]
    chances: list[float] | list[None]
    media_type: str


async def answer(classifier: Classifier, bulk: Bulk) -> Answers:
    """Forecast every row; other requests are served between chunks."""
    rain: list[bool] = []
    chances: list[float | None] = []
    for part in chunks(len(bulk.rows)):
        wet, probability = classifier.decide(bulk.rows[part])
        rain += wet
        chances += probability
        await asyncio.sleep(0)
    return Answers(rain, chances, bulk.media_type)  # type: ignore[arg-type]


class BulkObservations(Observations, IODescriptor):  # type: ignore[misc]
    """``Observations`` as the body of a request, JSON or CSV."""

    __root_input__ = True

    @classmethod
    async def from_http_request(cls, request: Request, _: object) -> Bulk:
        """Parse all rows.

        Raises:
            Problem: 400, with the index and field of every fault, up to MAX_FAULTS of them.
        """
        body = await request.body()
        media_type = request.headers["content-type"].partition(";")[0].strip().lower()
        parse = parse_csv if media_type == CSV else parse_json
        return Bulk(await parse(body), media_type)


class BulkForecasts(Forecasts, IODescriptor):  # type: ignore[misc]
    """``Forecasts`` as the body of an answer, in the form of the request."""

    @classmethod
    async def to_http_response(cls, obj: Answers, _: object) -> Response:
        """Written directly: 10,000 models and their serialising would take three times as long."""
        labels = (LABELS[wet] for wet in obj.rain)
        if obj.media_type == CSV:
            lines = [
                f"{label},{'' if p is None else p}" for label, p in zip(labels, obj.chances, strict=True)
            ]
            return Response("prediction,probability\n" + "\n".join(lines) + "\n", media_type=CSV)
        items = [
            f'{{"prediction":"{label}","probability":{"null" if p is None else p}}}'
            for label, p in zip(labels, obj.chances, strict=True)
        ]
        return Response('{"forecasts":[' + ",".join(items) + "]}", media_type=JSON)


async def parse_json(body: bytes) -> NDArray[np.float64]:
    """float64[n, 7] from ``{"observations": [{…}, …]}``.

    Raises:
        Problem: 400, see BulkObservations.
    """
    try:
        document = from_json(body)
    except ValueError:
        raise refusal([Fault([], "the body is not valid JSON", "json_invalid")]) from None
    if not isinstance(document, dict) or document.keys() != {"observations"}:
        raise refusal([Fault([], 'expected one JSON object: {"observations": [{…}, …]}', "model_type")])
    records = document["observations"]
    if not isinstance(records, list):
        raise refusal([Fault(["observations"], "observations must be an array of objects", "list_type")])
    check_count(len(records))
    found: list[Fault] = []
    parts = []
    for part in chunks(len(records)):
        try:
            parts.append(as_rows(_records.validate_python(records[part])))
        except ValidationError:
            found += json_faults(records[part], part.start)
            if len(found) >= MAX_FAULTS:
                break
        await asyncio.sleep(0)
    if found:
        raise refusal(found[:MAX_FAULTS])
    return np.concatenate(parts)


def json_faults(records: list[object], first: int) -> Iterator[Fault]:
    """The faults of a chunk, record by record."""
    for index, record in enumerate(records, first):
        try:
            WeatherVariables.model_validate(record)
        except ValidationError as error:
            yield from faults(error, "observations", index)


async def parse_csv(body: bytes) -> NDArray[np.float64]:
    """float64[n, 7] from a header of the seven field names, in any order, and a line an hour.

    Raises:
        Problem: 400, see BulkObservations; ``loc`` counts data lines from 0.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refusal([Fault([], "the body is not UTF-8", "csv_invalid")]) from None
    header, _, lines = text.partition("\n")
    names = [name.strip().strip('"') for name in header.split(",")]
    if sorted(names) != sorted(FEATURES):
        message = f"the first line must name the fields {','.join(FEATURES)}, each once"
        raise refusal([Fault([], message, "csv_header")])
    check_count(sum(1 for line in lines.splitlines() if line.strip()))
    order = [names.index(name) for name in FEATURES]
    try:
        rows = np.loadtxt(io.StringIO(lines), delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError:
        rows = np.empty((0, 0))
    if rows.shape[1] == len(FEATURES):
        rows = rows[:, order]
        if ((rows >= LOW) & (rows <= HIGH)).all():
            return rows
    raise refusal(list(islice(csv_faults(lines, order), MAX_FAULTS)) or [NO_TABLE])


def csv_faults(lines: str, order: list[int]) -> Iterator[Fault]:
    """The faults of a CSV body, line by line; slow, so only for bodies that have one."""
    reader = csv.reader(io.StringIO(lines, newline=""))
    try:
        for index, cells in enumerate(cells for cells in reader if any(cell.strip() for cell in cells)):
            if len(cells) != len(FEATURES):
                message = f"{len(cells)} values where {len(FEATURES)} were expected"
                yield Fault(["observations", index], message, "csv_row")
                continue
            record = {name: _number(cells[at]) for name, at in zip(FEATURES, order, strict=True)}
            try:
                WeatherVariables.model_validate(record)
            except ValidationError as error:
                yield from faults(error, "observations", index)
    except csv.Error:
        yield NO_TABLE


def check_count(rows: int) -> None:
    """Refuse none and too many.

    Raises:
        Problem: 400.
    """
    if not 1 <= rows <= MAX_ROWS:
        message = f"there are {rows:,} observations: give 1 to {MAX_ROWS:,}"
        raise Problem(400, message, [Fault(["observations"], message, "list_length")])


def chunks(rows: int) -> Iterator[slice]:
    """Slices of CHUNK rows."""
    return (slice(first, first + CHUNK) for first in range(0, rows, CHUNK))


def _number(cell: str) -> float | str:
    """As ``np.loadtxt`` takes it: to Python 1_0 and other scripts' digits are numbers too."""
    bare = cell.strip()
    try:
        return float(bare) if bare.isascii() and "_" not in bare else cell
    except ValueError:
        return cell
