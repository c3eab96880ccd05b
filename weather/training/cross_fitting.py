"""Forecasts of hours by classifiers that have not seen them.

The folds are used twice. For each test fold there is a classifier of the other four; and for each of
those four, one of the remaining three, whose forecasts calibrate the first and choose its threshold and
its hyperparameters. These depend only on the pair of folds left out: 15 fits in all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Protocol, TypeVar

import numpy as np
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from weather.training.calibration import Sigmoid
from weather.training.samples import FOLDS, Samples
from weather.training.thresholds import Rule, threshold
from weather.training.verification import Reference, Verification

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
K = TypeVar("K")
E = TypeVar("E", bound="Estimator")


MAX_FIT_HOURS = 100_000
"""A classifier is fitted to no more hours: the skill on the default data grows from .101 with 3,000 to .107
with 12,000 and stays there with 20,000, and the 230 fits of a training would take hours for a million."""


class Estimator(Protocol):
    """A classifier as scikit-learn has them; ``decision_function`` gives log odds, float64[n]."""

    def fit(self, x: Floats, y: Bools) -> object: ...
    def decision_function(self, x: Floats) -> Floats: ...


@dataclass(frozen=True)
class CrossFit:
    """``log_odds[i, k]``: of hour i by a classifier that has seen neither its own fold nor fold k."""

    samples: Samples
    log_odds: Floats

    def held_out(self, test_fold: int) -> tuple[Samples, Floats]:
        """The hours outside the test fold and their log odds, by classifiers that have not seen them
        and not the test fold.
        """
        rows = self.samples.fold != test_fold
        return self.samples.where(rows), self.log_odds[rows, test_fold]

    @cached_property
    def sigmoids(self) -> list[Sigmoid]:
        """The calibration of the classifier that has not seen a fold, for each fold."""
        held_out = (self.held_out(fold) for fold in range(FOLDS))
        return [Sigmoid.fit(log_odds, seen.y) for seen, log_odds in held_out]

    @cached_property
    def briers(self) -> list[float]:
        """The Brier scores of the held-out forecasts, for each test fold, to choose among candidates by."""
        held_out = zip(self.sigmoids, (self.held_out(fold) for fold in range(FOLDS)), strict=True)
        return [float(((sigmoid(log_odds) - seen.y) ** 2).mean()) for sigmoid, (seen, log_odds) in held_out]

    def threshold(self, test_fold: int, rule: Rule) -> float:
        """The threshold of the classifier that has not seen the test fold."""
        seen, log_odds = self.held_out(test_fold)
        return threshold(rule, self.sigmoids[test_fold](log_odds), seen.y, seen.rain_now)

    def forecast(self, test_fold: int, rule: Rule) -> tuple[Floats, Bools]:
        """Probability and decision for the hours of the test fold."""
        rows = self.samples.fold == test_fold
        probability = self.sigmoids[test_fold](self.log_odds[rows, test_fold])
        return probability, probability > self.threshold(test_fold, rule)


def fit(estimator: E, seen: Samples) -> E:
    """The estimator, fitted to at most MAX_FIT_HOURS of the hours."""
    few = seen.thinned(MAX_FIT_HOURS)
    estimator.fit(few.x, few.y)
    return estimator


def cross_fit(samples: Samples, make: Callable[[], Estimator], on_fit: Callable[[], None]) -> CrossFit:
    """15 fits of what ``make`` gives; ``on_fit`` is called after each.

    Raises:
        TooLittleData: a fold has no rainy or no dry hour.
    """
    return cross_fits(samples, {"": make}, on_fit)[""]


def cross_fits(
    samples: Samples, makers: Mapping[K, Callable[[], Estimator]], on_fit: Callable[[], None]
) -> dict[K, CrossFit]:
    """15 fits for each of the settings, one after the other, or where ``joblib.parallel_config`` says.

    Raises:
        TooLittleData: a fold has no rainy or no dry hour.
    """
    samples.check()
    pairs = list(combinations_with_replacement(range(FOLDS), 2))
    tasks = [delayed(_held_out)(samples, make, *pair) for make in makers.values() for pair in pairs]
    results = Parallel(return_as="generator")(tasks)
    fits = {}
    for setting in makers:
        log_odds = np.full((len(samples), FOLDS), np.nan)
        for first, second in pairs:
            inner, fold_of_inner = next(results), samples.fold[np.isin(samples.fold, (first, second))]
            for fold, other in {(first, second), (second, first)}:
                log_odds[samples.fold == fold, other] = inner[fold_of_inner == fold]
            on_fit()
        fits[setting] = CrossFit(samples, log_odds)
    return fits


def _held_out(samples: Samples, make: Callable[[], Estimator], first: int, second: int) -> Floats:
    """The log odds of the hours of two folds, by a classifier of the others."""
    # The same bytes on a cluster. One thread, as in pipeline.train; it stays so in a worker, since restoring
    # the limit would lift it for a fit beside this one. And scikit-learn must not use the cluster itself:
    # Nystroem would split its kernels among the workers, and sum them in another order.
    threadpool_limits(1)
    held_out = np.isin(samples.fold, (first, second))
    with parallel_config("sequential", n_jobs=1):
        return fit(make(), samples.where(~held_out)).decision_function(samples.where(held_out).x)


def best(candidates: Mapping[K, CrossFit], test_fold: int) -> K:
    """The candidate with the best held-out forecasts; the test fold takes no part."""
    return min(candidates, key=lambda candidate: candidates[candidate].briers[test_fold])


def nested(candidates: Mapping[K, CrossFit], rule: Rule) -> Verification:
    """Forecasts of every hour, in the order of the samples: of each fold by the candidate that is best
    without it, so that no hour takes part in choosing, calibrating or deciding its own forecast.
    """
    chosen = [candidates[best(candidates, fold)] for fold in range(FOLDS)]
    return verified(chosen[0].samples, [fit.forecast(fold, rule) for fold, fit in enumerate(chosen)])


def asked(
    candidates: Mapping[K, CrossFit], rule: Rule, x: Floats, make: Callable[[K], Estimator]
) -> Verification:
    """As ``nested``, but the forecasters are asked with ``x`` instead of the samples' own observations.

    Calibration and threshold stay those of the samples.
    """
    samples = next(iter(candidates.values())).samples
    forecasts = []
    for fold in range(FOLDS):
        chosen = best(candidates, fold)
        estimator = fit(make(chosen), samples.where(samples.fold != fold))
        log_odds = estimator.decision_function(x[samples.fold == fold])
        probability = candidates[chosen].sigmoids[fold](log_odds)
        forecasts.append((probability, probability > candidates[chosen].threshold(fold, rule)))
    return verified(samples, forecasts)


def persistence(samples: Samples) -> Verification:
    """The forecast "as now" of every hour, in the order of the samples."""
    forecasts = []
    for fold in range(FOLDS):
        now = samples.where(samples.fold == fold).rain_now
        forecasts.append((reference(samples, fold).persistence(now), now))
    return verified(samples, forecasts)


def reference(samples: Samples, test_fold: int) -> Reference:
    """Climatology and persistence as estimated outside the test fold."""
    seen = samples.where(samples.fold != test_fold)
    return Reference.of(seen.rain_now, seen.y)


def judged(test: Samples, known: Reference, probability: Floats, decision: Bools) -> Verification:
    """Forecasts of the test hours beside the references and the truth."""
    climatology = np.full(len(test), known.climatology)
    return Verification(
        test.y, decision, probability, climatology, known.persistence(test.rain_now), test.day
    )


def verified(samples: Samples, forecasts: Sequence[tuple[Floats, Bools]]) -> Verification:
    """Probabilities and decisions of each fold, put back into the order of the samples."""
    parts = []
    for fold, (probability, decision) in enumerate(forecasts):
        test = samples.where(samples.fold == fold)
        parts.append(judged(test, reference(samples, fold), probability, decision))
    order = np.argsort(np.argsort(samples.fold, kind="stable"))
    return Verification.join(parts).where(order)
