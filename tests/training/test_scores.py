from __future__ import annotations

import numpy as np
import pytest

from weather.training import scores
from weather.training.scores import Counts, csi, far, heidke, hss, pod, pss

# Finley's tornado forecasts of 1884, the standard worked example (Wilks, "Forecast Verification").
FINLEY = Counts(*(np.array(float(n)) for n in (28, 72, 23, 2680, 1, 2, 4)))


def test_scores_of_finleys_tornado_forecasts() -> None:
    assert pod(FINLEY) == pytest.approx(0.549, abs=5e-4)
    assert far(FINLEY) == pytest.approx(0.720, abs=5e-4)
    assert csi(FINLEY) == pytest.approx(0.228, abs=5e-4)
    assert scores.bias(FINLEY) == pytest.approx(1.96, abs=5e-3)
    assert hss(FINLEY) == pytest.approx(0.355, abs=5e-4)
    assert pss(FINLEY) == pytest.approx(0.523, abs=5e-4)


def test_heidke_of_arrays_is_that_of_each() -> None:
    counts = np.array([[28.0, 1], [72, 0], [23, 0], [2680, 1]])
    assert heidke(*counts) == pytest.approx([0.355, 1.0], abs=5e-4)
