from __future__ import annotations

import numpy as np
import pytest

from weather.training.calibration import Sigmoid


def test_log_odds_that_are_right_are_left_alone_and_others_are_mended() -> None:
    rng = np.random.default_rng(1)
    log_odds = rng.normal(0, 2, 40_000)
    y = rng.random(40_000) < 1 / (1 + np.exp(-log_odds))
    right = Sigmoid.fit(log_odds, y)
    assert right.slope == pytest.approx(1, abs=0.05)
    assert right.offset == pytest.approx(0, abs=0.05)
    mended = Sigmoid.fit(3 * log_odds + 1, y)
    np.testing.assert_allclose(mended(3 * log_odds + 1), right(log_odds), atol=1e-3)
