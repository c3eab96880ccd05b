"""Calibration: converts a classifier's score to a probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Sigmoid:
    """``p = 1 / (1 + exp(-(slope * log_odds + offset)))`` (Platt 1999)."""

    slope: float
    offset: float

    @staticmethod
    def fit(log_odds: Floats, y: Bools) -> Sigmoid:
        """The most likely slope and offset for hours that the classifier has not seen."""
        fitted = LogisticRegression(C=np.inf).fit(log_odds[:, None], y)
        return Sigmoid(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))

    def __call__(self, log_odds: Floats) -> Floats:
        """float64[n]: probabilities."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * log_odds + self.offset))))
