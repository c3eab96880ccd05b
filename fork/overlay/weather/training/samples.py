"""The training data: a CSV file in the contract's units, or random rows for a placeholder."""

from __future__ import annotations

import csv
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weather.contract.csv_cells import number
from weather.contract.variables import BINARY, FEATURES, LABELS, LIMITS, NEGATIVE, POSITIVE
from weather.training.target import AT_LEAST, COLUMNS, OPTIONAL, POSITIVE_VALUES, TARGET

MIN_ROWS = 20
"""Rows of each class at least: four in each of five folds."""

MAX_LEFT_OUT = 0.5
"""Largest share of rows that can't be used; above it, the file is probably a wrong one."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})

PLACEHOLDER_ROWS = 400


class BadData(ValueError):
    """A model can't be trained on the data; the message says why."""


@dataclass(frozen=True)
class Samples:
    """Rows ``x`` float64[n, features], NaN where an optional field is missing, and their class ``y`` bool[n]."""

    name: str
    digest: str
    x: NDArray[np.float64]
    y: NDArray[np.bool_]
    left_out: Mapping[str, int]
    """The number of rows that can't be used, by the reason."""

    placeholder: bool = False


def read(path: Path) -> Samples:
    """Read a CSV file, separated by commas or semicolons, with a column for each field and one for the class.

    Raises:
        BadData: a column is missing, a cell is not a number, or too few rows can be used.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise BadData(f"{path} can't be read ({error.strerror}): give DATA=FILE.csv") from error
    except UnicodeDecodeError as error:
        raise BadData(f"{path} is not UTF-8: {error}") from error
    lines = text.splitlines()
    if not lines:
        raise BadData(f"{path} is empty")
    separator = ";" if lines[0].count(";") > lines[0].count(",") else ","
    records = csv.DictReader(lines, delimiter=separator)
    wanted = [*COLUMNS.values(), TARGET]
    if absent := [name for name in wanted if name not in (records.fieldnames or ())]:
        raise BadData(f"{path} has no column {', '.join(absent)}; its columns are {lines[0]}")
    rows, classes, left_out = _parse(path, records)
    if len(rows) < len(classes) * (1 - MAX_LEFT_OUT):
        reasons = "; ".join(f"{reason}: {rows} rows" for reason, rows in left_out.most_common(3))
        raise BadData(
            f"{path}: most rows can't be used ({reasons}); are all columns in the contract's units?"
        )
    kept = [value for value in classes if value is not None]
    return _checked(
        Samples(
            path.name,
            hashlib.sha256(content).hexdigest(),
            np.array(rows, np.float64).reshape(-1, len(FEATURES)),
            _meaning(path, kept),
            dict(left_out),
        )
    )


def placeholder() -> Samples:
    """Random rows within the accepted ranges; those with a high mean are of the positive class.

    A model that is trained on them answers requests, but its answers mean nothing.
    """
    rng = np.random.default_rng(0)
    low, high = np.array([LIMITS[name] for name in FEATURES]).T
    share = rng.random((PLACEHOLDER_ROWS, len(FEATURES)))
    flags = [index for index, name in enumerate(FEATURES) if name in BINARY]
    share[:, flags] = share[:, flags].round()
    score = share.mean(axis=1) + rng.normal(0, 0.05, PLACEHOLDER_ROWS)
    x = low + share * (high - low)
    digest = hashlib.sha256(x.tobytes()).hexdigest()
    return Samples("random rows, a placeholder", digest, x, score > np.median(score), {}, placeholder=True)


def _parse(
    path: Path, records: Iterable[Mapping[str, str | None]]
) -> tuple[list[list[float]], list[str | None], Counter[str]]:
    """The rows that can be used, the class of every row (None for the others), and why rows are left out."""
    rows: list[list[float]] = []
    classes: list[str | None] = []
    left_out: Counter[str] = Counter()
    for line, record in enumerate(records, 2):
        row, fault = [], ""
        for name, column in COLUMNS.items():
            value = _value(path, line, column, record[column])
            low, high = LIMITS[name]
            if math.isnan(value):
                fault = fault or ("" if name in OPTIONAL else f"{column} is missing")
            elif not low <= value <= high:
                fault = fault or f"{column} is outside of {low:g} to {high:g}"
            elif name in BINARY and value not in (0, 1):
                fault = fault or f"{column} is neither 0 nor 1"
            row.append(value)
        label = (record[TARGET] or "").strip()
        if label.lower() in MISSING:
            fault = fault or f"{TARGET} is missing"
        if fault:
            left_out[fault] += 1
        else:
            rows.append(row)
        classes.append(None if fault else label)
    return rows, classes, left_out


def _value(path: Path, line: int, column: str, cell: str | None) -> float:
    if cell is None or cell.strip().lower() in MISSING:
        return math.nan
    value = number(cell)
    if isinstance(value, str) or not math.isfinite(value):
        raise BadData(f"{path}, line {line}: {column} is {cell[:40]!r}, which is not a number")
    return value


def _meaning(path: Path, labels: list[str]) -> NDArray[np.bool_]:
    """Whether each value of the target's column means the positive class."""
    values = [number(label) for label in labels]
    if AT_LEAST is not None:
        if words := [value for value in values if isinstance(value, str)]:
            raise BadData(f"{path}: {TARGET} is {words[0][:40]!r}, and should be a number: see AT_LEAST")
        return np.array([float(value) >= AT_LEAST for value in values])
    if POSITIVE_VALUES is not None:
        meant = {number(value) for value in POSITIVE_VALUES}
        return np.array([value in meant for value in values])
    if set(labels) <= {*LABELS}:
        return np.array([label == POSITIVE for label in labels])
    if set(values) <= {0.0, 1.0}:
        return np.array([value == 1 for value in values])
    distinct = sorted(set(labels))
    raise BadData(
        f"{path}: {TARGET} has {len(distinct)} values ({', '.join(distinct[:5])}); the model has the two classes "
        f"{NEGATIVE} and {POSITIVE}, or 0 and 1: say in training/target.py which values are {POSITIVE}"
    )


def _checked(samples: Samples) -> Samples:
    for word, count in zip(LABELS, (int((~samples.y).sum()), int(samples.y.sum())), strict=True):
        if count < MIN_ROWS:
            raise BadData(
                f"{samples.name}: {count} rows are {word}; at least {MIN_ROWS} of each class are needed"
            )
    for name, column in zip(FEATURES, samples.x.T, strict=True):
        values = column[np.isfinite(column)]
        if len(np.unique(values)) < 2:
            raise BadData(f"{samples.name}: {COLUMNS[name]} has no two different values: leave the field out")
    return samples
