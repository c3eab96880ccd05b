"""Compares the results of a compiled graph with those of the original."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weather.importing.errors import BadArtifact
from weather.importing.understanding.original import TIE, Original
from weather.importing.understanding.outputs import Outputs

BATCH_TOLERANCE = 1e-4
"""Allowed difference between the scores of a row run alone and in a batch: ONNX Runtime sums a single row in
another order (1.5e-5 measured, for a linear support-vector machine).
"""


@dataclass(frozen=True)
class Answers:
    """The results of a graph for n rows: rain bool[n] and the score float64[n], None without a score."""

    rain: NDArray[np.bool_]
    score: NDArray[np.float64] | None

    @property
    def threshold(self) -> float | None:
        """The score above which the label is rain; None if no threshold separates the labels."""
        if self.score is None or self.rain.all() or not self.rain.any():
            return None
        low, high = self.score[~self.rain].max(), self.score[self.rain].min()
        return float(low + high) / 2 if low <= high + TIE else None


@dataclass(frozen=True)
class Difference:
    """The difference between the results of two graphs for ``rows`` rows.

    ``labels`` counts labels that differ although the score is not within twice the tolerance of the
    threshold, and ``ties`` the other labels that differ. ``score`` is the largest difference of scores.
    """

    rows: int
    labels: int
    ties: int
    score: float | None

    def fault(self, tolerance: float) -> str:
        """A description of the fault; empty if the difference is within the tolerance."""
        if self.score is not None and not self.score <= tolerance:
            return f"scores differ by up to {self.score:.2g}"
        return f"{self.labels} of {self.rows} labels differ" if self.labels else ""


def difference(actual: Answers, expected: Answers, tolerance: float) -> Difference:
    """Compare results; differences of scores larger than 1 are relative."""
    wrong = actual.rain != expected.rain
    if actual.score is None or expected.score is None:
        return Difference(len(wrong), int(wrong.sum()), 0, None)
    errors = np.abs(actual.score - expected.score) / np.maximum(1, np.abs(expected.score))
    near = np.zeros(len(wrong), bool)
    if expected.threshold is not None:
        near = np.abs(expected.score - expected.threshold) <= 2 * tolerance
    return Difference(len(wrong), int((wrong & ~near).sum()), int((wrong & near).sum()), float(errors.max()))


def check_batch_independence(original: Original, outputs: Outputs, rows: NDArray[np.float64]) -> None:
    """Check that the result of each row does not depend on the other rows of a batch, or on chance.

    Raises:
        BadArtifact: it does.
    """
    together = Answers(*outputs.answers(original.run(rows)))
    answers = [outputs.answers(original.run(row[None])) for row in rows]
    score = None if together.score is None else np.concatenate([s for _, s in answers if s is not None])
    alone = Answers(np.concatenate([rain for rain, _ in answers]), score)
    fault = difference(alone, together, BATCH_TOLERANCE).fault(BATCH_TOLERANCE)
    if fault:
        raise BadArtifact(
            f"the model's result for a row depends on the other rows of its batch, or on chance ({fault} "
            "between single rows and a batch): export it for inference (model.eval(), training=False)"
        )
