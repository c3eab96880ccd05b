"""Many observations in one request: JSON or CSV in, forecasts in the same order and format out.

The rows are a batch already, so they go to the classifier directly, without the queue. They are
processed in chunks, and between chunks the event loop serves other requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from operator import add
from time import perf_counter

import numpy as np
from bentoml import IODescriptor
from numpy.typing import NDArray
from pydantic_core import to_json

from weather.contract.faults import Fault
from weather.contract.optional import NONE
from weather.contract.variables import LABELS, Forecasts, Observations
from weather.http.problems import bad_request
from weather.model.classifier import CHUNK as MAX_CHUNK
from weather.model.classifier import Classifier
from weather.serving.bulk_csv import parse_csv
from weather.serving.bulk_csv_columns import Columns, keep_of, separate
from weather.serving.bulk_json import parse_json
from weather.serving.bulk_rows import CHUNK, chunks, serve_others

CSV = "text/csv"
JSON = "application/json"

TURN_SECONDS = 0.0005
"""Time of a chunk of the classifier, at which others get their turn."""

WRITTEN_ROWS = 1_000
"""Forecasts written before other requests get their turn, about a quarter of a millisecond."""


@dataclass(frozen=True)
class Bulk:
    """n observations, float64[n, features] in the contract's order, and the media type of the request."""

    rows: NDArray[np.float64]
    media_type: str
    columns: Columns | None = None
    """Of a CSV body those that are kept."""


@dataclass(frozen=True)
class Answers:
    """n decisions, n probabilities (None each without calibration), and the media type of the response."""

    decisions: list[bool]
    probabilities: list[float] | list[None]
    media_type: str
    columns: Columns | None = None


async def answer(classifier: Classifier, bulk: Bulk) -> Answers:
    """Forecast every row with the same classifier; other requests are served between chunks."""
    decisions: list[bool] = []
    probabilities: list[float | None] = []
    first, size = 0, CHUNK
    while first < len(bulk.rows):
        start = perf_counter()
        decided, probability = classifier.decide(bulk.rows[first : first + size])
        decisions += decided
        probabilities += probability
        first += size
        size = next_size(size, perf_counter() - start)
        await serve_others()
    return Answers(decisions, probabilities, bulk.media_type, bulk.columns)  # type: ignore[arg-type]


def next_size(size: int, seconds: float) -> int:
    """The rows of the next chunk, if one of ``size`` rows took ``seconds``.

    The committed classifier takes 0.06 ms for 64 rows and 0.14 ms for 256, one with thousands of support
    vectors half a millisecond for 64.
    """
    if seconds > TURN_SECONDS:
        return max(size // 2, 1)
    return min(2 * size, MAX_CHUNK) if seconds < TURN_SECONDS / 3 else size


@dataclass(frozen=True)
class Format:
    """What stands around the probabilities in the text of forecasts."""

    start: bytes
    predictions: tuple[bytes, ...]
    """Before each probability, by decision."""
    uncalibrated: bytes
    between: bytes
    end: bytes


FORMATS = {
    CSV: Format(
        b"prediction,probability\n", tuple(f"{label},".encode() for label in LABELS), b"", b"\n", b"\n"
    ),
    JSON: Format(
        b'{"forecasts":[',
        tuple(f'{{"prediction":"{label}","probability":'.encode() for label in LABELS),
        b"null",
        b"},",
        b"}]}",
    ),
}


class BulkObservations(Observations, IODescriptor):  # type: ignore[misc]
    """``Observations`` as a request body, for BentoML's schema and clients."""

    __root_input__ = True


class BulkForecasts(Forecasts, IODescriptor):  # type: ignore[misc]
    """``Forecasts`` as a response body, for BentoML's schema and clients."""


async def parse(body: bytes, media_type: str, optional: frozenset[str] = NONE, query: bytes = b"") -> Bulk:
    """All rows of a JSON or CSV body; NaN where a value of a field of ``optional`` is missing.

    ``query`` is that of the URL; its parameter ``keep`` is for CSV only.

    Raises:
        Problem: 400, with the row and field of each fault, up to MAX_FAULTS of them.
    """
    columns = None
    if query and (keep := keep_of(query)):
        if media_type != CSV:
            raise bad_request([Fault([], f"the query parameter keep is for {CSV} only", "enum")])
        body, columns = await separate(body, keep, optional)
    rows = await (parse_csv if media_type == CSV else parse_json)(body, optional)
    return Bulk(rows, media_type, columns)


async def write(answers: Answers) -> bytes:
    """The forecasts in the format of the request; other requests are served between chunks.

    pydantic writes the numbers of a chunk in one call, a fifth of the time of formatting them one by one.

    Raises:
        ValueError: a probability is not a finite number.
    """
    form = FORMATS[answers.media_type]
    texts: list[bytes] = []
    columns = answers.columns
    start = form.start if columns is None else columns.header + form.start
    for part in chunks(len(answers.decisions), WRITTEN_ROWS):
        predictions = map(form.predictions.__getitem__, answers.decisions[part])
        forecasts = map(add, predictions, numbers(answers.probabilities[part], form))
        texts += forecasts if columns is None else map(add, columns.rows[part], forecasts)
        await serve_others()
    return start + form.between.join(texts) + form.end


def numbers(probabilities: Sequence[float | None], form: Format) -> list[bytes]:
    """The probabilities as text.

    Raises:
        ValueError: one is not a finite number.
    """
    calibrated = [probability for probability in probabilities if probability is not None]
    if not calibrated:
        return [form.uncalibrated] * len(probabilities)
    if not isfinite(sum(calibrated)):
        raise ValueError("the model's probabilities are not all finite numbers")
    return to_json(calibrated)[1:-1].split(b",")
