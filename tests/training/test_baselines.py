from __future__ import annotations

import numpy as np
import pytest

from tests.training.test_fitting import drawn
from weather.training.baselines import BASELINES
from weather.training.features import VISIBILITY

EVERY = [(name, setting) for name, settings in BASELINES.items() for setting in settings]


@pytest.mark.parametrize(("name", "setting"), EVERY)
@pytest.mark.parametrize("visibility", ["measured", "missing in part", "never measured"])
def test_each_baseline_learns_whatever_of_the_visibility_is_missing(
    name: str, setting: str, visibility: str
) -> None:
    x, y = drawn(4000)
    x = x.copy()
    if visibility != "measured":
        x[: len(x) // (2 if visibility == "missing in part" else 1), VISIBILITY] = np.nan
    estimator = BASELINES[name][setting]()
    estimator.fit(x[::2], y[::2])
    log_odds = estimator.decision_function(x[1::2])
    brier = np.mean((1 / (1 + np.exp(-log_odds)) - y[1::2]) ** 2)
    assert brier < 0.9 * np.mean((y.mean() - y[1::2]) ** 2)


def test_making_one_twice_gives_two() -> None:
    for name, setting in EVERY:
        assert BASELINES[name][setting]() is not BASELINES[name][setting]()
