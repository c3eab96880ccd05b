"""Observations for requests. Imports no Locust, which patches the standard library when imported."""

from __future__ import annotations

import csv
import random
from pathlib import Path

from weather.contract.variables import BINARY, FEATURES, VARIABLES

SAMPLE = Path(__file__).parent / "observations.csv"
"""1,000 hours of the default data, in the contract's units, drawn by ``python -m loadtest.sample``."""


ROWS = 1000


def _read() -> list[dict[str, float]]:
    """The sample; without one for the contract's fields, random rows within the accepted ranges."""
    if SAMPLE.exists():
        with SAMPLE.open(newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) == FEATURES:
                return [{name: float(value) for name, value in row.items()} for row in reader]
    draw = random.Random(ROWS)
    return [{name: _random(name, draw) for name in FEATURES} for _ in range(ROWS)]


def _random(name: str, draw: random.Random) -> float:
    variable = VARIABLES[name]
    if name in BINARY:
        return float(draw.random() < 0.1)
    return variable.low + round(draw.random(), 3) * (variable.high - variable.low)


OBSERVATIONS = _read()
BURSTS = [row for row in OBSERVATIONS if any(row[name] == 1 for name in BINARY)] or OBSERVATIONS
"""Rows sent by ``Front``: those in which it rains, if the contract has such a field."""


def observation() -> dict[str, float]:
    """A random observation of the sample, so as frequent as such hours are in the real data."""
    return dict(random.choice(OBSERVATIONS))
