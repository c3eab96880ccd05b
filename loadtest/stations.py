"""Observations to ask about; free of Locust, which patches the standard library when imported."""

from __future__ import annotations

import csv
import random
from pathlib import Path

SAMPLE = Path(__file__).parent / "observations.csv"
"""1,000 hours of the default data, in the contract's units; ``python -m loadtest.sample`` draws it."""


def _read() -> list[dict[str, float]]:
    if not SAMPLE.exists():  # before loadtest.sample has drawn it
        return []
    with SAMPLE.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


OBSERVATIONS = _read()
RAINY = [row for row in OBSERVATIONS if row["current_weather_condition"] == 1]


def observation() -> dict[str, float]:
    """A valid observation, as often as such hours were in the real data."""
    return dict(random.choice(OBSERVATIONS))
