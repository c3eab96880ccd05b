"""Search, fit, calibrate, choose the threshold; from samples to a model and its verification.

Everything is dealt out by blocks of weeks. Of the blocks that a model may see, each is held out
once: the decision values that calibrate it come from classifiers that had not seen the block.
Then the classifier is fitted on all of them. The test blocks are only ever forecast.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from weather.training.observations import FOLDS, Samples
from weather.training.verification import Reference, Verification, best_threshold


@dataclass(frozen=True)
class Hyperparameters:
    """Of the RBF SVC: the weight of a rainy hour against a dry one, the kernel's width, C."""

    rain_weight: float
    gamma: float
    c: float

    def svc(self) -> SVC:
        """The classifier, not yet fitted."""
        weights = {False: 1.0, True: self.rain_weight}
        return SVC(C=self.c, gamma=self.gamma, class_weight=weights, cache_size=400)

    def __str__(self) -> str:
        return f"rain weight {self.rain_weight:g}, gamma {self.gamma:g}, C {self.c:g}"


GRID = [
    Hyperparameters(1.5, 0.05, 1.0),
    Hyperparameters(1.5, 0.1, 1.0),
    Hyperparameters(2.0, 0.05, 1.0),
    Hyperparameters(2.0, 0.1, 1.0),
    Hyperparameters(3.0, 0.02, 1.0),
    Hyperparameters(3.0, 0.05, 0.3),
]
"""A wider grid was searched once: at weight 6 and above the probabilities are spoilt, an
unweighted SVC is persistence, and within these six the Brier score changes by less than a percent."""


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
    """One way of dealing the folds out: test fold k, the other four for fitting."""

    seen: Samples
    test: Samples


def roles(samples: Samples, test_fold: int) -> Roles:
    """Deal the weeks out.

    Raises:
        TooLittleData: a fold has no rainy or no dry hour.
    """
    for fold in range(FOLDS):
        rain = samples.y[samples.fold == fold]
        if len(rain) == 0 or rain.all() or not rain.any():
            raise TooLittleData(
                f"rain follows {int(rain.sum())} of {len(rain)} hours in fold {fold}; both kinds "
                f"are needed in each of the {FOLDS} folds, so at least {FOLDS} weeks of data"
            )
    return Roles(samples.where(samples.fold != test_fold), samples.where(samples.fold == test_fold))


def fit(seen: Samples, classifier: Any) -> Model:
    """Fit scaler and ``classifier`` (any of scikit-learn with a decision function).

    The sigmoid (Platt 1999: a logistic regression on the decision value) and the threshold (the
    highest HSS) are fitted on held-out blocks in turn. One held-out fold instead of all of them
    was tried first: its sigmoid was too uncertain and the Brier skill against persistence fell
    from +0.04 to -0.01.
    """
    pipeline = make_pipeline(StandardScaler(), classifier)
    held_out = cross_val_predict(
        pipeline, seen.x, seen.y, groups=seen.fold, cv=LeaveOneGroupOut(), method="decision_function"
    )[:, None]
    sigmoid = LogisticRegression(C=np.inf).fit(held_out, seen.y)
    threshold = best_threshold(sigmoid.predict_proba(held_out)[:, 1], seen.y)
    scaler, fitted = pipeline.fit(seen.x, seen.y)
    return Model(scaler, fitted, -float(sigmoid.coef_[0, 0]), -float(sigmoid.intercept_[0]), threshold)


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
    given = Reference.of(dealt.seen.rain_now, dealt.seen.y)
    return verification(dealt.test, given, probability, probability > model.threshold)


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
    with quiet_children():
        verified = Parallel(n_jobs=-1, return_as="generator")(jobs)
    for candidate, result in zip((c for c in grid for _ in dealt), verified, strict=True):
        folds[candidate].append(result)
        on_fit()
    return Search(folds)


@contextmanager
def quiet_children() -> Iterator[None]:
    """Processes started here never hear of Ctrl-C, which a terminal sends to all of them: joblib ends
    them, and they need not print a traceback each. (A child inherits what is blocked.)
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fit_and_verify(dealt: Roles, classifier: Any) -> Verification:
    return verify(dealt, fit(dealt.seen, classifier))


def cross_validate(samples: Samples, make: Callable[[], Any]) -> Verification:
    """One kind of classifier through the five folds, pooled."""
    jobs = (delayed(_fit_and_verify)(roles(samples, k), make()) for k in range(FOLDS))
    return Verification.join(Parallel(n_jobs=-1)(jobs))


def persistence(samples: Samples) -> Verification:
    """The forecast "as now" through the five folds, pooled."""
    return Verification.join([as_now(roles(samples, k)) for k in range(FOLDS)])


def as_now(dealt: Roles) -> Verification:
    """The forecast "as now" on the test rows."""
    given = Reference.of(dealt.seen.rain_now, dealt.seen.y)
    now = dealt.test.rain_now
    return verification(dealt.test, given, given.persistence(now), now)
