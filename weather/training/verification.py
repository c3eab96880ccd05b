"""Compares forecasts with outcomes: scores, their intervals, differences and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from weather.training.scores import FORMULAS, Counts

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Interval = tuple[float, float]

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Reference:
    """The two forecasts that cost nothing, estimated on training rows only.

    ``climatology`` is the rain frequency. Persistence as a decision is "as now"; as a probability
    it is the rain frequency after wet and after dry hours, the strongest form of persistence
    (raw 0/1 persistence has a much worse Brier score and would flatter the model).
    """

    climatology: float
    after_wet: float
    after_dry: float

    @staticmethod
    def of(rain_now: Bools, y: Bools) -> Reference:
        """From training rows: ``rain_now`` and ``y`` are bool[n]."""
        base = float(y.mean())
        wet, dry = y[rain_now], y[~rain_now]
        return Reference(
            climatology=base,
            after_wet=float(wet.mean()) if len(wet) else base,
            after_dry=float(dry.mean()) if len(dry) else base,
        )

    def persistence(self, rain_now: Bools) -> Floats:
        """float64[n]: persistence's probability of rain."""
        return np.where(rain_now, self.after_wet, self.after_dry)


@dataclass(frozen=True)
class Verification:
    """Forecasts of n hours beside the outcomes and the references' forecasts.

    All fields are arrays of length n; ``day``, datetime64[D], is the block of the bootstrap.
    ``probability`` is NaN throughout where the model gives none.
    """

    y: Bools
    decision: Bools
    probability: Floats
    climatology: Floats
    persistence: Floats
    day: NDArray[np.datetime64]

    @staticmethod
    def join(parts: Sequence[Verification]) -> Verification:
        """The hours of several verifications, one after the other."""
        return Verification(
            *(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Verification))
        )

    def where(self, rows: Bools | NDArray[np.intp]) -> Verification:
        """The hours that ``rows`` selects: a mask bool[n], or positions."""
        return Verification(*(getattr(self, field.name)[rows] for field in fields(self)))

    def counts(self, weights: Floats | None = None) -> Counts:
        """The sums over all rows; with ``weights`` float64[k, days], one sum per resample."""
        o = self.y.astype(np.float64)
        columns = np.stack(
            [
                (self.decision & self.y).astype(np.float64),
                (self.decision & ~self.y).astype(np.float64),
                (~self.decision & self.y).astype(np.float64),
                (~self.decision & ~self.y).astype(np.float64),
                (self.probability - o) ** 2,
                (self.climatology - o) ** 2,
                (self.persistence - o) ** 2,
            ]
        )
        if weights is None:
            return Counts(*columns.sum(axis=1))
        return Counts(*(day_sums(columns, self.day) @ weights.T))

    def scores(self) -> dict[str, float]:
        """Every score of FORMULAS; NaN where it is undefined."""
        counts = self.counts()
        return {name: float(formula(counts)) for name, formula in FORMULAS.items()}

    def intervals(self) -> dict[str, Interval]:
        """Percentile intervals of every score by block bootstrap: whole days are drawn with replacement.

        Neighbouring hours are not independent, so drawing hours would give intervals that are much too
        narrow (Wilks, section "Resampling tests").
        """
        counts = self.counts(day_weights(self.day))
        return {name: interval(formula(counts)) for name, formula in FORMULAS.items()}

    def gain(self, other: Verification, score: str) -> tuple[float, Interval]:
        """By how much ``score`` is above that of another forecast of the same hours, with its interval.

        Paired: both scores of a resample are of the same days, so the weather that is hard for both
        does not widen the interval of their difference.
        """
        weights, formula = day_weights(self.day), FORMULAS[score]
        difference = formula(self.counts(weights)) - formula(other.counts(weights))
        return self.scores()[score] - other.scores()[score], interval(difference)


def day_weights(day: NDArray[np.datetime64]) -> Floats:
    """float64[RESAMPLES, days]: how often each day is drawn. The same days give the same weights."""
    return _weights(len(np.unique(day)))


@cache
def _weights(days: int) -> Floats:
    rng = np.random.default_rng(2013)
    return rng.multinomial(days, np.full(days, 1 / days), size=RESAMPLES).astype(np.float64)


def day_sums(columns: Floats, day: NDArray[np.datetime64]) -> Floats:
    """float64[k, days]: sums of ``columns`` float64[k, n] over the hours of each day."""
    _, block = np.unique(day, return_inverse=True)
    return np.stack([np.bincount(block, column) for column in columns])


def interval(values: Floats) -> Interval:
    """The middle 95 % of the resamples; NaN where none is finite."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def reliability(probability: Floats, y: Bools, bins: int = 10) -> list[tuple[float, float, int]]:
    """Points of the reliability diagram: mean forecast, observed frequency, number of hours.

    Bins hold equal numbers of forecasts, so that no point stands for a handful of hours.
    """
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[part].mean()), float(y[part].mean()), len(part))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def calibration_error(probability: Floats, y: Bools, bins: int = 10) -> float:
    """Expected calibration error: the mean of |forecast - frequency| over equally filled bins.

    Naeini, Cooper and Hauskrecht (2015), with the bins of ``reliability``.
    """
    points = reliability(probability, y, bins)
    return sum(abs(forecast - frequency) * n for forecast, frequency, n in points) / len(y)
