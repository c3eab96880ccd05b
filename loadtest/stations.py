"""Observations for requests. Imports no Locust, which patches the standard library when imported."""

from __future__ import annotations

import csv
import random
from pathlib import Path

SAMPLE = Path(__file__).parent / "observations.csv"
"""1,000 hours of the default data, in the contract's units, drawn by ``python -m loadtest.sample``."""


def _read() -> list[dict[str, float]]:
    if not SAMPLE.exists():  # when loadtest.sample draws it for the first time
        return []
    with SAMPLE.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


OBSERVATIONS = _read()
RAINY = [row for row in OBSERVATIONS if row["current_weather_condition"] == 1]


def observation() -> dict[str, float]:
    """A random observation of the sample, so as frequent as such hours are in the real data."""
    return dict(random.choice(OBSERVATIONS))
