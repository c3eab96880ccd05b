"""Comparing what a compiled graph answers with what the original does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weather.importing.errors import BadArtifact
from weather.importing.understanding.original import TIE, Original
from weather.importing.understanding.outputs import Outputs

BATCH_TOLERANCE = 1e-4
"""How far the scores of a row may differ with the rows beside it: ONNX Runtime sums a single row in
another order (1.5e-5 seen, of a linear support-vector machine).
"""


@dataclass(frozen=True)
class Answers:
    """What a graph says of n rows: rain bool[n] and the score float64[n], None without one."""

    rain: NDArray[np.bool_]
    score: NDArray[np.float64] | None

    @property
    def threshold(self) -> float | None:
        """The score above which it is rain, None where the label does not follow the score."""
        if self.score is None or self.rain.all() or not self.rain.any():
            return None
        low, high = self.score[~self.rain].max(), self.score[self.rain].min()
        return float(low + high) / 2 if low <= high + TIE else None


@dataclass(frozen=True)
class Difference:
    """How far two graphs' answers are apart on ``rows`` rows. ``labels`` counts those that differ while
    the score is further from the threshold than the scores may differ; ``ties`` the others.
    """

    rows: int
    labels: int
    ties: int
    score: float | None

    def fault(self, tolerance: float) -> str:
        """What is wrong; empty if nothing is."""
        if self.score is not None and not self.score <= tolerance:
            return f"scores differ by up to {self.score:.2g}"
        return f"{self.labels} of {self.rows} labels differ" if self.labels else ""


def difference(actual: Answers, expected: Answers, tolerance: float) -> Difference:
    """``score`` is relative where scores are larger than 1."""
    wrong = actual.rain != expected.rain
    if actual.score is None or expected.score is None:
        return Difference(len(wrong), int(wrong.sum()), 0, None)
    errors = np.abs(actual.score - expected.score) / np.maximum(1, np.abs(expected.score))
    near = np.zeros(len(wrong), bool)
    if expected.threshold is not None:
        near = np.abs(expected.score - expected.threshold) <= 2 * tolerance
    return Difference(len(wrong), int((wrong & ~near).sum()), int((wrong & near).sum()), float(errors.max()))


def check_batch_independence(original: Original, outputs: Outputs, rows: NDArray[np.float64]) -> None:
    """Each row must get the same answer in whatever company, and each time.

    Raises:
        BadArtifact: it does not.
    """
    together = Answers(*outputs.answers(original.run(rows)))
    answers = [outputs.answers(original.run(row[None])) for row in rows]
    score = None if together.score is None else np.concatenate([s for _, s in answers if s is not None])
    alone = Answers(np.concatenate([rain for rain, _ in answers]), score)
    fault = difference(alone, together, BATCH_TOLERANCE).fault(BATCH_TOLERANCE)
    if fault:
        raise BadArtifact(
            f"the model's answer for a row depends on the rows beside it, or on chance ({fault} between "
            "rows alone and together): export it for inference (model.eval(), training=False)"
        )
