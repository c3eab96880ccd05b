from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp  # type: ignore[import-untyped]

from weather.reports.distances import (
    KS_LIMIT,
    P_LIMIT,
    PSI_LIMIT,
    Shift,
    boundaries,
    kolmogorov_smirnov,
    psi,
    shift,
)


def test_the_distance_is_scipys_where_no_value_is_shared() -> None:
    random = np.random.default_rng(3)
    for size in (100, 3000):
        then, now = random.normal(size=5000), random.normal(0.1, 1.1, size)
        d, p = kolmogorov_smirnov(then, now)
        theirs = ks_2samp(then, now, method="asymp")
        assert d == pytest.approx(theirs.statistic, abs=1 / 5000 + 1 / size)
        assert p == pytest.approx(theirs.pvalue, rel=0.5, abs=1e-6)


def test_psi_of_two_known_distributions() -> None:
    then = np.repeat([0.0, 1.0], [80, 20])
    now = np.repeat([0.0, 1.0], [60, 40])
    expected = (0.6 - 0.8) * np.log(0.6 / 0.8) + (0.4 - 0.2) * np.log(0.4 / 0.2)
    assert psi(then, now) == pytest.approx(expected)
    assert psi(then, then) == 0


def test_boundaries_lie_between_values() -> None:
    assert boundaries(np.array([3.0, 1.0, 1.0, 2.0])).tolist() == [1.5, 2.5, 3.5]
    assert boundaries(np.array([4.0, 4.0])).tolist() == [4.5]


@pytest.mark.parametrize(
    ("psi_value", "ks", "p", "drifted"),
    [
        (PSI_LIMIT + 0.01, 0.0, 1.0, True),
        (PSI_LIMIT - 0.01, 0.0, 1.0, False),
        (0.0, KS_LIMIT + 0.01, P_LIMIT / 2, True),
        (0.0, KS_LIMIT - 0.01, 0.0, False),
        (0.0, KS_LIMIT + 0.01, 2 * P_LIMIT, False),
    ],
    ids=["PSI", "PSI within", "KS", "KS within", "KS of too few rows"],
)
def test_drift_is_a_limit_of_size_and_for_ks_a_limit_of_chance(
    psi_value: float, ks: float, p: float, drifted: bool
) -> None:
    assert Shift("x", psi_value, ks, p, 0.0, 0.0).drifted == drifted


def test_a_distance_of_a_sixth_is_drift_although_psi_is_small() -> None:
    """Two thirds of the rows in the lower half: no decile changes much, but all change the same way."""
    then = np.linspace(0, 1, 10_000)
    now = np.concatenate([np.linspace(0, 0.5, 6_700), np.linspace(0.5, 1, 3_300)])
    found = shift("x", then, now)
    assert found.psi < PSI_LIMIT
    assert KS_LIMIT < found.ks < 0.18
    assert found.drifted


def test_few_rows_are_no_evidence() -> None:
    """Forty rows of the same distribution are often 0.2 apart; the p-value says that it means nothing."""
    random = np.random.default_rng(8)
    then = random.integers(0, 2, 20_000).astype(float)
    now = np.repeat([0.0, 1.0], [13, 27])
    found = shift("x", then, now)
    assert found.ks > KS_LIMIT
    assert found.psi < PSI_LIMIT
    assert not found.drifted


def test_missing_values_count_as_one_value() -> None:
    random = np.random.default_rng(2)
    then, now = random.normal(size=5000), random.normal(size=1000)
    assert not shift("x", then, now).drifted
    now[:500] = np.nan
    gone = shift("x", then, now)
    assert gone.drifted
    assert gone.mean_now == pytest.approx(now[500:].mean())
    then[::2] = np.nan
    assert not shift("x", then, now).drifted, "as much was missing then"
    nothing = shift("x", then, np.full(1000, np.nan))
    assert nothing.drifted
    assert nothing.mean_now is None
