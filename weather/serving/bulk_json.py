"""JSON bodies of bulk requests."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from weather.contract.faults import Fault, faults, json_fault, repeated
from weather.contract.optional import NONE, record_type
from weather.contract.repeated import quotes, repeated_keys
from weather.contract.variables import FEATURES, MAX_ROWS, WeatherVariables, accepted_values, as_rows
from weather.http.limits import MAX_FAULTS
from weather.http.problems import bad_request
from weather.serving.bulk_rows import check_count, chunks, pieces, serve_others

SPACE = b" \t\r\n"
START = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"observations"[ \t\r\n]*:[ \t\r\n]*\[')
END = re.compile(rb"\][ \t\r\n]*\}[ \t\r\n]*")

values_of: Any = itemgetter(*FEATURES)


@cache
def records_of(record: type[WeatherVariables]) -> TypeAdapter[list[WeatherVariables]]:
    """Validates lists of a type of records."""
    return TypeAdapter(list[record])  # type: ignore[valid-type]


async def parse_json(body: bytes, optional: frozenset[str] = NONE) -> NDArray[np.float64]:
    """float64[n, features] from ``{"observations": [{…}, …]}``; NaN for what is missing.

    Raises:
        Problem: 400, with the row and field of each fault, up to MAX_FAULTS of them.
    """
    body = body.removeprefix(BOM_UTF8)
    rows = await parse_pieces(body, optional)
    return rows if rows is not None else await validate(body, optional)


async def parse_pieces(body: bytes, optional: frozenset[str]) -> NDArray[np.float64] | None:
    """Like ``parse_json``; None for a body with a fault, and for one of unusual form, which may have none.

    The text is cut behind closing braces. If each piece is a list of records, so is the whole.
    """
    start, last = START.match(body), body.rfind(b"]")
    if start is None or last < start.end() or not END.fullmatch(body, last):
        return None
    parts: list[NDArray[np.float64]] = []
    count = 0
    for piece in pieces(body[start.end() : last].rstrip(SPACE), b"}"):
        if parts:
            piece = piece.lstrip(SPACE)
            if not piece.startswith(b","):
                return None
            piece = piece[1:]
        try:
            records = from_json(b"[" + piece + b"]", allow_inf_nan=False)
            rows = rows_of(records, optional)
        except (ValueError, OverflowError, KeyError, TypeError):
            return None
        if rows is None or (count := count + len(rows)) > MAX_ROWS:
            return None
        if piece.count(b'"') != quotes(sum(map(len, records))):
            return None
        parts.append(rows)
        await serve_others()
    return np.concatenate(parts) if parts else None


def rows_of(records: list[Any], optional: frozenset[str]) -> NDArray[np.float64] | None:
    """The values of records that follow the contract; None if one does not, or if there is no record.

    Raises:
        KeyError, TypeError: a record lacks a field, or is not an object.
        OverflowError: a number has hundreds of digits.
    """
    try:
        values = list(chain.from_iterable(map(values_of, records)))
    except KeyError:
        missing: dict[str, None] = dict.fromkeys(optional)
        records = [{**missing, **record} for record in records]
        values = list(chain.from_iterable(map(values_of, records)))
    types = {float, int, type(None)} if optional else {float, int}
    if set(map(len, records)) != {len(FEATURES)} or not types.issuperset(map(type, values)):
        return None
    rows = np.array(values, np.float64).reshape(-1, len(FEATURES))
    return rows if accepted_values(rows, optional).all() else None


async def validate(body: bytes, optional: frozenset[str]) -> NDArray[np.float64]:
    """Like ``parse_json``, one record at a time: for the faults.

    Raises:
        Problem: 400, see ``parse_json``.
    """
    try:
        document = from_json(body)
    except ValueError as error:
        raise bad_request([json_fault(str(error))]) from None
    if not isinstance(document, dict) or document.keys() != {"observations"}:
        raise bad_request([Fault([], 'expected one JSON object: {"observations": [{…}, …]}', "model_type")])
    records = document["observations"]
    if not isinstance(records, list):
        raise bad_request([Fault(["observations"], "observations must be an array of objects", "list_type")])
    check_count(len(records))
    record = record_type(optional)
    rejected: list[Fault] = []
    parts = []
    for part in chunks(len(records)):
        try:
            parts.append(as_rows(records_of(record).validate_python(records[part])))
        except ValidationError:
            rejected += record_faults(records[part], part.start, record)
            if len(rejected) >= MAX_FAULTS:
                break
        await serve_others()
    if not rejected and body.count(b'"') != quotes(sum(map(len, records)) + len(document)):
        rejected += (repeated(*path) for path in repeated_keys(body))
    if rejected:
        raise bad_request(rejected[:MAX_FAULTS])
    return np.concatenate(parts)


def record_faults(records: Sequence[object], first: int, record: type[WeatherVariables]) -> Iterator[Fault]:
    """The faults of a chunk of records; ``first`` is the index of its first record."""
    for index, value in enumerate(records, first):
        try:
            record.model_validate(value)
        except ValidationError as error:
            yield from faults(error, "observations", index)
