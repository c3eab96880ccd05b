"""The outputs of a graph that serving uses: the decision, and the probability if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from weather.importing.understanding.original import Arrays, columns_of

Squash = Literal["", "sigmoid", "softmax"]


@dataclass(frozen=True)
class Label:
    """The label output, its two classes and which of them is rain."""

    name: str
    classes: tuple[object, ...]
    rain: object

    def is_rain(self, arrays: Arrays) -> NDArray[np.bool_]:
        """bool[n], from the graph's outputs."""
        return np.asarray(arrays[self.name].reshape(-1) == self.rain)


@dataclass(frozen=True)
class Score:
    """The score output: one name, or two with a column each.

    ``column`` is that of rain, None for a single score, which is the score of rain or, with ``complement``,
    that of no rain. ``probability`` says whether the score, after ``squash``, is a probability; ``double``
    whether it is float64; ``matrix`` whether its shape is [n, k].
    """

    names: tuple[str, ...]
    column: int | None
    squash: Squash = ""
    complement: bool = False
    probability: bool = False
    double: bool = False
    matrix: bool = True

    def of_rain(self, arrays: Arrays) -> NDArray[np.float64]:
        """float64[n]: the score of rain; higher means more likely."""
        columns = columns_of(self.names, arrays)
        score = columns[:, self.column or 0]
        if self.squash == "softmax":
            score = score - columns[:, 1 - (self.column or 0)]
        if self.squash:
            with np.errstate(over="ignore"):
                score = 1 / (1 + np.exp(-score))
        if self.complement:
            score = 1 - score if self.probability else -score
        return np.asarray(score.clip(0, 1) if self.probability else score)


@dataclass(frozen=True)
class Outputs:
    """A label, a probability or both. With a ``threshold``, the decision is a probability above it, else the
    label.
    """

    label: Label | None
    score: Score | None
    threshold: float | None = None
    remarks: tuple[str, ...] = ()

    @property
    def probability(self) -> bool:
        """Whether there is a probability."""
        return self.score is not None and self.score.probability

    def answers(self, arrays: Arrays) -> tuple[NDArray[np.bool_], NDArray[np.float64] | None]:
        """The decision bool[n] and the score of rain float64[n], None without a score."""
        score = None if self.score is None else self.score.of_rain(arrays)
        if score is not None and self.threshold is not None:
            return score > self.threshold, score
        assert self.label is not None, "there is a label or a threshold"
        return self.label.is_rain(arrays), score
