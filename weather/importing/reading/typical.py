"""Typical means and standard deviations of the fields, for models whose training data is unknown."""

from __future__ import annotations

import numpy as np

from weather.contract.variables import BINARY, EXAMPLE, FEATURES, LIMITS

LIMIT = np.array([LIMITS[name] for name in FEATURES])
"""float64[7, 2]: the accepted range of each field."""

MEAN = np.array([0.3 if name in BINARY else EXAMPLE[name] for name in FEATURES], np.float64)
"""float64[7]: the contract's example."""

SCALE = (LIMIT[:, 1] - LIMIT[:, 0]) / 12
"""float64[7]: a twelfth of the accepted range."""
