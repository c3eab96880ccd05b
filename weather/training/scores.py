"""Scores of yes/no and probability forecasts of rain.

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
    return heidke(c.hits, c.false_alarms, c.misses, c.negatives)


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
    """Brier skill score 1 - BS / BS_ref against calibrated persistence (see ``verification.Reference``)."""
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


def heidke(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """The Heidke skill score of the four counts; arrays of one shape."""
    return _ratio(2 * (a * d - b * c), (a + c) * (c + d) + (a + b) * (b + d))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(numerator, denominator)
