"""The classifier: a squared-hinge support-vector machine on the kernels of a few real hours.

The hinge of the usual SVC gives a decision value that says little about probability. The squared hinge
estimates 2 p - 1 (Bartlett, Jordan and McAuliffe 2006), so ``2 atanh(f)`` estimates the log odds and a
sigmoid has little left to mend. Restricting the solution to the kernels of ``vectors`` training hours is
the reduced-set method (Keerthi, Chapelle and DeCoste 2006): the time to fit grows with the number of
hours, not with its square, and a forecast costs 100 kernels where the SVC had 5,403.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from weather.training.calibration import Sigmoid
from weather.training.features import VISIBILITY, Features

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EDGE = 0.98
"""Decision values are cut to -EDGE ... EDGE, so that their log odds are finite: f has values beyond 1."""

CHUNK = 100_000
"""Rows whose kernels are held at once; those of a million would take 800 MB."""


@dataclass(frozen=True)
class Hyperparameters:
    """``gamma``: 1 / (2 width^2) of the kernel; ``c``: weight of the errors; ``vectors``: basis hours."""

    gamma: float
    c: float
    vectors: int = 100

    def __str__(self) -> str:
        return f"gamma {self.gamma:g}, C {self.c:g}"


class Classifier:
    """``f(x) = sum_j weights[j] exp(-gamma |features(x) - basis[j]|^2) + intercept``.

    ``basis`` is float64[m, 9] and ``weights`` float64[m] after ``fit``. Follows scikit-learn's protocol
    as far as it is used here.
    """

    features: Features
    basis: Floats
    weights: Floats
    intercept: float

    def __init__(self, parameters: Hyperparameters) -> None:
        self.parameters = parameters

    def fit(self, x: Floats, y: Bools) -> Classifier:
        """Fit to observations float64[n, 7] and whether rain followed, bool[n].

        Half of the basis hours are followed by rain, as far as there are enough of them.
        """
        self.features = Features.fit(x)
        z = self.features(x)
        rng = np.random.default_rng(0)
        half = self.parameters.vectors // 2
        rows = [np.flatnonzero(kind) for kind in (y, ~y)]
        chosen = np.concatenate([rng.choice(r, min(half, len(r)), replace=False) for r in rows])
        nystroem = Nystroem(gamma=self.parameters.gamma, n_components=len(chosen), random_state=0)
        kernels = nystroem.fit(z[chosen]).transform(z)
        # A large intercept_scaling keeps the penalty off the intercept.
        svm = LinearSVC(C=self.parameters.c, dual=False, intercept_scaling=100.0).fit(kernels, y)
        self.basis = nystroem.components_
        self.weights = nystroem.normalization_.T @ svm.coef_[0]
        self.intercept = float(svm.intercept_[0])
        return self

    def decision(self, x: Floats) -> Floats:
        """float64[n]: f, an estimate of 2 p - 1 that may lie beyond -1 and 1."""
        parts = np.array_split(x, len(x) // CHUNK + 1)
        kernels = (rbf_kernel(self.features(part), self.basis, self.parameters.gamma) for part in parts)
        return np.concatenate([k @ self.weights + self.intercept for k in kernels])

    def decision_function(self, x: Floats) -> Floats:
        """float64[n]: the log odds of rain before calibration, ``2 atanh(f)``."""
        return np.asarray(2 * np.arctanh(self.decision(x).clip(-EDGE, EDGE)))


@dataclass(frozen=True)
class Model:
    """What is exported: scaler, classifier, calibration, and the probability above which it says Rain.

    ``scaler`` is that of the old system's interface, ``svc.onnx`` undoes it. It is fitted to the
    training rows as they are, or to zeros where no visibility was measured at all.
    """

    scaler: StandardScaler
    classifier: Classifier
    sigmoid: Sigmoid
    threshold: float

    def probability(self, x: Floats) -> Floats:
        """float64[n]: the calibrated chance of rain of observations float64[n, 7]."""
        return self.sigmoid(self.classifier.decision_function(x))


def scaler_of(x: Floats) -> StandardScaler:
    """The scaler of observations float64[n, 7], of which the visibility may be NaN."""
    if np.isnan(x[:, VISIBILITY]).all():
        x = np.nan_to_num(x)
    return StandardScaler().fit(x)
