"""Search, fit, calibrate, choose the threshold; from samples to a model and its verification.

Three roles, by blocks of weeks: training rows fit scaler and classifier, calibration rows fit the
sigmoid and choose the threshold, test rows are only ever forecast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from weather.observations import FOLDS, Samples
from weather.verification import Reference, Verification, best_threshold


@dataclass(frozen=True)
class Hyperparameters:
    """Of the RBF SVC: the weight of a rainy hour against a dry one, the kernel's width, C."""

    rain_weight: float
    gamma: float
    c: float

    def svc(self) -> SVC:
        """The classifier, not yet fitted."""
        weights = {False: 1.0, True: self.rain_weight}
        return SVC(C=self.c, gamma=self.gamma, class_weight=weights, cache_size=1000)

    def __str__(self) -> str:
        return f"rain weight {self.rain_weight:g}, gamma {self.gamma:g}, C {self.c:g}"


GRID = [
    Hyperparameters(weight, gamma, c)
    for weight in (1.5, 2.0, 3.0)
    for gamma, c in ((0.02, 1.0), (0.05, 0.3), (0.05, 1.0), (0.1, 1.0))
]
"""Wider grids were searched once: weights of 4 and 6 lose calibration (Brier skill against
persistence -0.08 at weight 6), an unweighted SVC is persistence."""


class TooLittleData(ValueError):
    """The data can't be split into blocks that each hold both rain and no rain."""


YARDSTICKS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(max_iter=1000),
    "gradient boosting": lambda: HistGradientBoostingClassifier(
        learning_rate=0.05, max_leaf_nodes=15, max_iter=150, random_state=0
    ),
}
"""Other classifiers that take the SVC's place, to show what it costs or gains."""


@dataclass(frozen=True)
class Model:
    """A scaler, a classifier behind it, the sigmoid ``1 / (1 + exp(a f + b))`` of its decision
    value f (Platt 1999), and the probability above which rain is forecast.
    """

    scaler: StandardScaler
    classifier: Any
    a: float
    b: float
    threshold: float

    def probability(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]: the calibrated chance of rain of raw observations float64[n, 7]."""
        f = self.classifier.decision_function(self.scaler.transform(x))
        return np.asarray(1 / (1 + np.exp(self.a * f + self.b)))


@dataclass(frozen=True)
class Roles:
    """One way of dealing the folds out: test fold k, calibration fold k+1, the rest training."""

    train: Samples
    calibrate: Samples
    test: Samples


def roles(samples: Samples, test_fold: int) -> Roles:
    """Deal the weeks out.

    Raises:
        TooLittleData: a role would have no rainy or no dry hour.
    """
    calibration_fold = (test_fold + 1) % FOLDS
    dealt = Roles(
        train=samples.where(~np.isin(samples.fold, (test_fold, calibration_fold))),
        calibrate=samples.where(samples.fold == calibration_fold),
        test=samples.where(samples.fold == test_fold),
    )
    for name, part in (("train", dealt.train), ("calibrate", dealt.calibrate), ("test", dealt.test)):
        if len(part) == 0 or part.y.all() or not part.y.any():
            raise TooLittleData(
                f"the {name} blocks hold {int(part.y.sum())} rainy of {len(part)} hours; "
                f"both kinds are needed, in at least {FOLDS} weeks of data"
            )
    return dealt


def fit(dealt: Roles, classifier: Any) -> Model:
    """Fit scaler and ``classifier`` (any of scikit-learn with a decision function) on the
    training rows; sigmoid and threshold (highest HSS) on the calibration rows.
    """
    scaler = StandardScaler().fit(dealt.train.x)
    classifier.fit(scaler.transform(dealt.train.x), dealt.train.y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(classifier), method="sigmoid").fit(
        scaler.transform(dealt.calibrate.x), dealt.calibrate.y
    )
    sigmoid = calibrated.calibrated_classifiers_[0].calibrators[0]
    model = Model(scaler, classifier, float(sigmoid.a_), float(sigmoid.b_), threshold=0.5)
    threshold = best_threshold(model.probability(dealt.calibrate.x), dealt.calibrate.y)
    return replace(model, threshold=threshold)


def reference(dealt: Roles) -> Reference:
    """Climatology and persistence from all that the model was allowed to see."""
    seen = [dealt.train, dealt.calibrate]
    return Reference.of(np.concatenate([s.rain_now for s in seen]), np.concatenate([s.y for s in seen]))


def verification(
    test: Samples,
    given: Reference,
    probability: NDArray[np.float64],
    decision: NDArray[np.bool_],
) -> Verification:
    """Forecasts of the test rows beside the references' and the truth."""
    return Verification(
        y=test.y,
        decision=decision,
        probability=probability,
        climatology=np.full(len(test), given.climatology),
        persistence=given.persistence(test.rain_now),
        day=test.hour.astype("datetime64[D]"),
    )


def verify(dealt: Roles, model: Model) -> Verification:
    """The model on the test rows."""
    probability = model.probability(dealt.test.x)
    return verification(dealt.test, reference(dealt), probability, probability > model.threshold)


@dataclass(frozen=True)
class Search:
    """Blocked cross-validation of every candidate: ``folds[candidate][k]`` is test fold k."""

    folds: dict[Hyperparameters, list[Verification]]

    def brier(self, candidate: Hyperparameters, without: int | None = None) -> float:
        """The pooled Brier score, leaving out test fold ``without``."""
        kept = [v for k, v in enumerate(self.folds[candidate]) if k != without]
        return Verification.join(kept).scores()["brier"]

    @property
    def chosen(self) -> Hyperparameters:
        """The candidate with the lowest Brier score over all folds."""
        return min(self.folds, key=self.brier)

    @property
    def pooled(self) -> Verification:
        """Honest forecasts of every week: fold k is forecast by the candidate that was best on
        the other four folds, so that no week took part in choosing its own forecaster.
        """
        best = [min(self.folds, key=lambda c: self.brier(c, k)) for k in range(FOLDS)]
        return Verification.join([self.folds[c][k] for k, c in enumerate(best)])


def search(samples: Samples, grid: list[Hyperparameters], on_fit: Callable[[], None]) -> Search:
    """Every candidate on every fold, one process a core; ``on_fit`` is called after each fit."""
    dealt = [roles(samples, k) for k in range(FOLDS)]
    jobs = (delayed(_fit_and_verify)(part, candidate.svc()) for candidate in grid for part in dealt)
    folds: dict[Hyperparameters, list[Verification]] = {candidate: [] for candidate in grid}
    verified = Parallel(n_jobs=-1, return_as="generator")(jobs)
    for candidate, result in zip((c for c in grid for _ in dealt), verified, strict=True):
        folds[candidate].append(result)
        on_fit()
    return Search(folds)


def _fit_and_verify(dealt: Roles, classifier: Any) -> Verification:
    return verify(dealt, fit(dealt, classifier))


def cross_validate(samples: Samples, make: Callable[[], Any]) -> Verification:
    """One kind of classifier through the five folds, pooled."""
    jobs = (delayed(_fit_and_verify)(roles(samples, k), make()) for k in range(FOLDS))
    return Verification.join(Parallel(n_jobs=-1)(jobs))


def persistence(samples: Samples) -> Verification:
    """The forecast "as now" through the five folds, pooled."""
    parts = []
    for k in range(FOLDS):
        dealt = roles(samples, k)
        given = reference(dealt)
        now = dealt.test.rain_now
        parts.append(verification(dealt.test, given, given.persistence(now), now))
    return Verification.join(parts)
