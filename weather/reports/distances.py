"""How far two distributions of one quantity are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstwobign  # type: ignore[import-untyped]

Floats = NDArray[np.float64]

PSI_LIMIT = 0.2
"""Above it a distribution has shifted, by the convention of credit scoring (Siddiqi 2006)."""

KS_LIMIT = 0.15
"""Largest difference of the distribution functions that is no drift. Each fifth of the default data
(every fifth week) differs from the rest by up to 0.12 and by a PSI of up to 0.13: weather, not drift."""

P_LIMIT = 0.001
"""With thousands of rows any difference is significant, so this only guards against few rows."""

FLOOR = 1e-4
"""Smallest share of a bin: the logarithm of an empty one is infinite."""


@dataclass(frozen=True)
class Shift:
    """One quantity, then and now; ``mean_now`` is None where it is missing throughout."""

    name: str
    psi: float
    ks: float
    p: float
    mean_then: float
    mean_now: float | None

    @property
    def drifted(self) -> bool:
        """Whether it is beyond PSI_LIMIT or KS_LIMIT."""
        return self.psi > PSI_LIMIT or (self.ks > KS_LIMIT and self.p < P_LIMIT)


def boundaries(then: Floats) -> Floats:
    """Where distributions are compared: above each value of ``then``, half-way to the next.

    Not at the values themselves: stations, logs and clients round, and with visibility at its cap, 16.09
    instead of 16.09344 moved five sixths of the distribution across a boundary.
    """
    values = np.unique(then)
    gaps = np.diff(values) if len(values) > 1 else np.ones(1)
    return values + np.append(gaps, gaps[-1])[: len(values)] / 2


def psi(then: Floats, now: Floats) -> float:
    """Population stability index, sum over bins of (b - a) ln(b / a): Siddiqi, *Credit Risk Scorecards*
    (2006); it is the symmetrised divergence of Kullback and Leibler (1951).

    ``a`` and ``b`` are a bin's shares then and now, FLOOR at least. The bins are divided at the deciles
    of ``then``, each once: a value that many rows share (no rain, visibility at its cap) ends a bin.
    """
    deciles = np.quantile(then, np.arange(1, 10) / 10, method="inverted_cdf")
    edges = np.unique(boundaries(then)[np.searchsorted(np.unique(then), deciles)])
    a, b = (
        np.maximum(np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) / len(values), FLOOR)
        for values in (then, now)
    )
    return float(((b - a) * np.log(b / a)).sum())


def kolmogorov_smirnov(then: Floats, now: Floats) -> tuple[float, float]:
    """Two-sample D = max |F_then - F_now| at ``boundaries``, and its asymptotic p-value (Smirnov 1948),
    which is too large, never too small, where many rows share a value.
    """
    edges = boundaries(then)
    f, g = (np.searchsorted(np.sort(values), edges) / len(values) for values in (then, now))
    d = float(np.abs(f - g).max())
    rows = len(then) * len(now) / (len(then) + len(now))
    return d, float(kstwobign.sf(d * np.sqrt(rows)))


def shift(name: str, then: Floats, now: Floats) -> Shift:
    """Both measures of one quantity. Missing values, NaN, count as one value below all others."""
    mean_now = float(np.nanmean(now)) if np.isfinite(now).any() else None
    below = np.nanmin(np.append(then, now)) - 1
    a, b = (np.where(np.isnan(values), below, values) for values in (then, now))
    return Shift(name, psi(a, b), *kolmogorov_smirnov(a, b), float(np.nanmean(then)), mean_now)
