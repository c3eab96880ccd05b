"""The page's examples are hours of the committed model's training data, and their outcomes are true."""

from __future__ import annotations

import numpy as np
import pytest

from weather.contract.declaration import Example
from weather.contract.fields import EXAMPLES
from weather.contract.variables import FEATURES
from weather.training.samples import samples
from weather.training.sources import new_york_2013

DECIMALS = (1, 4, 1, 0, 2, 1, 0)
"""To which an example's values are rounded, in the order of FEATURES."""

OUTCOMES = {False: "it stayed dry for 4 hours", True: "it rained within 4 hours"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_example_is_a_row_of_the_data_with_its_outcome(example: Example) -> None:
    hours = samples(new_york_2013(), 4)
    assert example.time is not None
    hour = np.datetime64(example.time.replace(tzinfo=None))
    (row,) = np.flatnonzero((hours.station == example.place) & (hours.hour == hour))
    rounded = [float(value.round(d)) for value, d in zip(hours.x[row], DECIMALS, strict=True)]
    assert example.observation == dict(zip(FEATURES, rounded, strict=True))
    assert example.outcome == OUTCOMES[bool(hours.y[row])]
