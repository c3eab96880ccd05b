"""Forecast verification: how good yes/no and probability forecasts of rain are.

Terms and formulas follow the WWRP/WGNE Joint Working Group on Forecast Verification Research,
"Forecast Verification: Issues, Methods and FAQ", and Wilks, *Statistical Methods in the
Atmospheric Sciences*, chapter "Forecast Verification". With hits *a*, false alarms *b*, misses
*c* and correct negatives *d*, n = a + b + c + d.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Counts:
    """Sums that every score here is made of; scalars, or float64[k] for k resamples at once.

    ``hits``, ``false_alarms``, ``misses``, ``negatives`` count hours; the three ``error`` fields
    are sums of squared differences between probability and outcome (0/1).
    """

    hits: Floats
    false_alarms: Floats
    misses: Floats
    negatives: Floats
    error: Floats
    climatology_error: Floats
    persistence_error: Floats


def pod(c: Counts) -> Floats:
    """Probability of detection (hit rate): a / (a + c). 0 … 1, best 1."""
    return _ratio(c.hits, c.hits + c.misses)


def far(c: Counts) -> Floats:
    """False alarm ratio: b / (a + b). 0 … 1, best 0."""
    return _ratio(c.false_alarms, c.hits + c.false_alarms)


def csi(c: Counts) -> Floats:
    """Critical success index (threat score): a / (a + b + c). 0 … 1, best 1."""
    return _ratio(c.hits, c.hits + c.false_alarms + c.misses)


def bias(c: Counts) -> Floats:
    """Frequency bias: (a + b) / (a + c). Best 1; above 1 rain is forecast too often."""
    return _ratio(c.hits + c.false_alarms, c.hits + c.misses)


def hss(c: Counts) -> Floats:
    """Heidke skill score: 2(ad - bc) / ((a + c)(c + d) + (a + b)(b + d)). Best 1, chance 0."""
    return _hss(c.hits, c.false_alarms, c.misses, c.negatives)


def pss(c: Counts) -> Floats:
    """Peirce skill score (Hanssen-Kuipers): POD - b / (b + d). Best 1, chance 0."""
    return pod(c) - _ratio(c.false_alarms, c.false_alarms + c.negatives)


def brier(c: Counts) -> Floats:
    """Brier score (Brier 1950, halved as is usual): mean of (p - o)^2. 0 … 1, best 0."""
    return _ratio(c.error, c.hits + c.false_alarms + c.misses + c.negatives)


def bss_climatology(c: Counts) -> Floats:
    """Brier skill score 1 - BS / BS_ref against the training period's rain frequency."""
    return 1 - _ratio(c.error, c.climatology_error)


def bss_persistence(c: Counts) -> Floats:
    """Brier skill score 1 - BS / BS_ref against calibrated persistence (see Reference)."""
    return 1 - _ratio(c.error, c.persistence_error)


FORMULAS: dict[str, Callable[[Counts], Floats]] = {
    "pod": pod,
    "far": far,
    "csi": csi,
    "bias": bias,
    "hss": hss,
    "pss": pss,
    "brier": brier,
    "bss_climatology": bss_climatology,
    "bss_persistence": bss_persistence,
}


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
    """Forecasts of n hours beside what came true and what the references said.

    All fields but ``day`` are arrays of length n; ``day`` (datetime64[D][n]) is the bootstrap's
    block. ``probability`` is NaN throughout when the model gives none.
    """

    y: Bools
    decision: Bools
    probability: Floats
    climatology: Floats
    persistence: Floats
    day: NDArray[np.datetime64]

    @staticmethod
    def join(parts: list[Verification]) -> Verification:
        """The rows of several verifications, e.g. of the folds of a cross-validation."""
        return Verification(
            *(
                np.concatenate([getattr(p, name) for p in parts])
                for name in ("y", "decision", "probability", "climatology", "persistence", "day")
            )
        )

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
        _, block = np.unique(self.day, return_inverse=True)
        sums = np.stack([np.bincount(block, column) for column in columns])
        return Counts(*(sums @ weights.T))

    def scores(self) -> dict[str, float]:
        """Every score of FORMULAS; NaN where it is undefined."""
        counts = self.counts()
        return {name: float(formula(counts)) for name, formula in FORMULAS.items()}

    def intervals(self, resamples: int = 2000, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Percentile intervals by block bootstrap: whole days are drawn with replacement.

        Neighbouring hours are not independent, so drawing hours would give intervals that are
        much too narrow; see Wilks, section "Resampling tests" (moving blocks).
        """
        days = len(np.unique(self.day))
        rng = np.random.default_rng(2013)
        weights = rng.multinomial(days, np.full(days, 1 / days), size=resamples).astype(np.float64)
        counts = self.counts(weights)
        tails = [(1 - level) / 2, (1 + level) / 2]
        found = {}
        for name, formula in FORMULAS.items():
            values = formula(counts)
            values = values[np.isfinite(values)]
            low, high = np.quantile(values, tails) if len(values) else (np.nan, np.nan)
            found[name] = (float(low), float(high))
        return found


def best_threshold(probability: Floats, y: Bools) -> float:
    """The threshold in 0.01 … 0.99 at which "p > threshold" has the highest HSS."""
    candidates = np.arange(1, 100) / 100
    warned = probability > candidates[:, None]
    hits, false_alarms = (warned & y).sum(axis=1), (warned & ~y).sum(axis=1)
    misses, negatives = (~warned & y).sum(axis=1), (~warned & ~y).sum(axis=1)
    return float(candidates[int(np.nanargmax(_hss(hits, false_alarms, misses, negatives)))])


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


def _hss(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    return _ratio(2 * (a * d - b * c), (a + c) * (c + d) + (a + b) * (b + d))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(numerator, denominator)
