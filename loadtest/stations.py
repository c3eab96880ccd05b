"""Observations to ask about; free of Locust, which patches the standard library when imported."""

from __future__ import annotations

import json
import random
from pathlib import Path

MANIFEST = json.loads((Path(__file__).parent.parent / "artifacts" / "manifest.json").read_text())


def observation() -> dict[str, float]:
    """A valid observation, drawn evenly from the range that each feature had in training."""
    drawn = {f["name"]: round(random.uniform(f["minimum"], f["maximum"]), 2) for f in MANIFEST["features"]}
    drawn["current_weather_condition"] = float(random.random() < 0.1)
    return drawn
