"""The model: StandardScaler, Nystroem kernels and a linear SVM, calibrated by a sigmoid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 5
VECTORS = 100
"""Rows whose kernels are the model's features, a third of the data at most."""

WIDTHS = (0.25, 1.0)
COSTS = (0.1, 1.0, 10.0)
"""The search: gamma times the number of features, and C."""


@dataclass(frozen=True)
class Fitted:
    """A calibrated pipeline and the settings that were chosen for it."""

    calibrated: CalibratedClassifierCV
    gamma: float
    c: float

    @property
    def pipeline(self) -> Pipeline:
        return self.calibrated.calibrated_classifiers_[0].estimator

    @property
    def sigmoid(self) -> tuple[float, float]:
        """Slope and offset: p = 1 / (1 + exp(-(slope * decision + offset))) (Platt 1999)."""
        (calibrator,) = self.calibrated.calibrated_classifiers_[0].calibrators
        return -float(calibrator.a_), -float(calibrator.b_)

    def probability(self, x: Floats) -> Floats:
        """float64[n]: of the positive class, for rows float64[n, features]."""
        return np.asarray(self.calibrated.predict_proba(x)[:, 1])


def fit(x: Floats, y: Bools) -> tuple[Fitted, Floats]:
    """The model, and float64[n]: the probabilities of the rows by models that have not seen them.

    One thread: the result then doesn't depend on the number of cores.
    """
    with threadpool_limits(1):
        grid = {"kernels__gamma": [width / x.shape[1] for width in WIDTHS], "svm__C": [*COSTS]}
        search = GridSearchCV(pipeline(len(x)), grid, scoring="roc_auc", cv=folds()).fit(x, y)
        chosen = calibrated(search.best_estimator_)
        held_out = cross_val_predict(chosen, x, y, cv=folds(), method="predict_proba")[:, 1]
        best: dict[str, Any] = search.best_params_
        return Fitted(chosen.fit(x, y), best["kernels__gamma"], best["svm__C"]), np.asarray(held_out)


def pipeline(rows: int) -> Pipeline:
    """Scaler, kernels and SVM. A missing value is the mean, which is 0 once it is scaled."""
    return Pipeline(
        [
            ("scaler", StandardScaler()),
            ("missing", SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)),
            ("kernels", Nystroem(n_components=min(VECTORS, rows // 3), random_state=0)),
            ("svm", LinearSVC(dual=False, random_state=0)),
        ]
    )


def calibrated(model: Pipeline) -> CalibratedClassifierCV:
    """The pipeline with a sigmoid that is fitted to decisions on rows it has not seen."""
    return CalibratedClassifierCV(model, method="sigmoid", ensemble=False, cv=folds())


def folds() -> StratifiedKFold:
    """Rows in a random order: they must not be neighbours in time or belong to one person or place."""
    return StratifiedKFold(FOLDS, shuffle=True, random_state=0)
