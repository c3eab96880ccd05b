"""Compares the forecasts that would be served with those in a user's file (``import --check``)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, LABELS, LIMITS
from weather.importing.compiling.compiler import Compiled
from weather.importing.errors import BadArtifact
from weather.importing.reading.fields import field_of
from weather.importing.reading.files import read_bytes
from weather.importing.understanding.checking import Answers
from weather.importing.understanding.labels import parse_labels
from weather.model.classifier import Classifier

MAX_BYTES = 256 << 20

TOLERANCE, APPROXIMATE = 1e-5, 5e-3
"""Allowed differences of probabilities. The second is for scikit-learn's ``SVC(probability=True)``: its
``predict_proba`` solves a pairwise system to 0.005, but the ONNX file has the sigmoid.
"""


@dataclass(frozen=True)
class Reference:
    """The n rows of a user's file that the service accepts.

    ``rows`` float64[n, 7] are observations and ``lines`` int[n] their line numbers. ``rain`` bool[n] and
    ``probability`` float64[n] are None if the file has no such column. ``left_out`` counts rows with a value
    that the service does not accept.
    """

    rows: NDArray[np.float64]
    lines: NDArray[np.int64]
    rain: NDArray[np.bool_] | None
    probability: NDArray[np.float64] | None
    left_out: int


@dataclass(frozen=True)
class Agreement:
    """The result of a successful comparison.

    ``rows`` is the number of compared rows, and ``left_out`` that of rows that the service does not accept.
    ``probability`` is the largest difference of probabilities, None if there are none. ``ties`` is the number
    of labels that differ where the probability is within the tolerance of the threshold.
    """

    rows: int
    left_out: int
    probability: float | None
    ties: int


def compare(compiled: Compiled, path: Path, tolerance: float | None = None) -> Agreement:
    """Compare the labels and probabilities that would be served with those in a CSV file.

    The file has the seven fields, in the contract's units, and a column ``label``, ``probability`` or both.
    Probabilities may differ by ``tolerance``, by default TOLERANCE or APPROXIMATE. A label may differ where
    the probability is within the tolerance of the threshold.

    Raises:
        BadArtifact: the file can't be used, a label differs, or a probability differs by more.
    """
    if tolerance is None:
        tolerance = APPROXIMATE if compiled.facts["approximate"] else TOLERANCE
    known = read_reference(path, compiled.facts["label"])
    served = Answers(*_as_float64(Classifier(compiled.model)(known.rows)))
    if known.probability is not None and served.score is None:
        raise BadArtifact(f"{path} has probabilities; the model as it is served has none")
    largest = None
    if served.score is not None and known.probability is not None:
        apart = np.abs(served.score - known.probability)
        largest = float(apart.max())
        if not largest <= tolerance:
            at = int(apart.argmax())
            raise BadArtifact(
                f"{path}, line {known.lines[at]}: the probability is {known.probability[at]:.6g}, and "
                f"{served.score[at]:.6g} would be served, {apart[at]:.2g} apart; allowed are {tolerance:g} "
                "(--tolerance)"
            )
    rain = served.rain if known.rain is None else known.rain
    tied = np.zeros(len(rain), bool)
    if served.score is not None and compiled.facts["threshold"] is not None:
        tied = np.abs(served.score - compiled.facts["threshold"]) <= tolerance
    wrong = np.flatnonzero((served.rain != rain) & ~tied)
    if len(wrong):
        at = int(wrong[0])
        raise BadArtifact(
            f"{path}: {len(wrong):,} of {len(rain):,} labels differ; the first in line {known.lines[at]}, "
            f"where {LABELS[int(served.rain[at])]} would be served for {LABELS[int(rain[at])]}"
        )
    return Agreement(len(rain), known.left_out, largest, int(((served.rain != rain) & tied).sum()))


def read_reference(path: Path, label: Mapping[str, Any] | None) -> Reference:
    """Read a user's file; ``label`` has the model's ``classes``, and the one of them that is ``rain``.

    Raises:
        BadArtifact: the file is not CSV, a column is missing, a value is not a number, or the service accepts
            none of its rows.
    """
    try:
        table = list(csv.reader(io.StringIO(read_bytes(path, MAX_BYTES).decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadArtifact(f"{path} is not CSV in UTF-8: {error}") from error
    header = [name.strip().lower() for name in table[0]]
    answers = {name: header.index(name) for name in ("label", "probability") if name in header}
    fields = {field_of(name): index for index, name in enumerate(header) if name not in answers}
    missing = [name for name in FEATURES if name not in fields]
    if missing or not answers:
        wanted = ", ".join(missing) or "label or probability"
        raise BadArtifact(f"{path} has no column {wanted}: its first line must name them")
    rows, lines, labels, probability = [], [], [], []
    for line, cells in enumerate(table[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            rows.append([float(cells[fields[name]]) for name in FEATURES])
            labels.append(cells[answers["label"]].strip() if "label" in answers else "")
            probability.append(float(cells[answers["probability"]]) if "probability" in answers else 0.0)
        except (ValueError, IndexError) as error:
            raise BadArtifact(f"{path}, line {line}: {error}") from error
        lines.append(line)
    x = np.array(rows, np.float64).reshape(-1, len(FEATURES))
    low, high = np.array([LIMITS[name] for name in FEATURES]).T
    inside = ((x >= low) & (x <= high)).all(axis=1)
    if not inside.any():
        raise BadArtifact(f"{path} has no row within the ranges that the service accepts")
    rain = None
    if "label" in answers:
        known = label or {"classes": (), "rain": None}
        rain = np.array(parse_labels(labels, known["classes"], known["rain"], str(path)))[inside]
    calibrated = np.array(probability)[inside] if "probability" in answers else None
    return Reference(x[inside], np.array(lines)[inside], rain, calibrated, int((~inside).sum()))


def _as_float64(
    answers: tuple[NDArray[np.bool_], NDArray[np.float32] | None],
) -> tuple[NDArray[np.bool_], NDArray[np.float64] | None]:
    rain, probability = answers
    return rain, None if probability is None else probability.astype(np.float64)
