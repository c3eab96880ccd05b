from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.training.weather_records import read, record
from weather.training.fitting import Hyperparameters
from weather.training.pipeline import facts, other_horizons
from weather.training.samples import BLOCK_HOURS, TEST_FOLD, samples
from weather.training.thresholds import HSS


def test_a_horizon_without_hours_enough_is_left_out_of_the_card(tmp_path: Path) -> None:
    """Of each rainy hour only the hour before is known, and nothing up to nine hours around the two."""
    table = record(10 * BLOCK_HOURS)
    rain = np.concatenate([week * BLOCK_HOURS + np.array([40, 80, 120]) for week in range(10)])
    table["Humidity"] = np.random.default_rng(1).uniform(0.3, 0.9, len(table))
    table.loc[rain, "Current_weather_condition"] = 1
    table.loc[rain - 1, "Humidity"] = 0.95
    around = {r + ahead for r in rain for ahead in (*range(-9, -1), *range(1, 10))}
    observed = read(table.drop(index=sorted(around)), tmp_path)
    stages = []

    def stage(name: str, steps: int):  # type: ignore[no-untyped-def]
        stages.append(name)
        return lambda: None

    found = other_horizons(observed, 4, Hyperparameters(0.01, 0.3, vectors=20), HSS, stage)
    assert list(found) == [1], "2 and 8 are left out, 4 is the model's own"
    assert stages[0] == "horizon 1 h"
    assert len(found[1].y) == len(samples(observed, 1))


def test_the_manifest_says_what_the_exported_model_has_seen(tmp_path: Path) -> None:
    table = record(10 * BLOCK_HOURS)
    observed = read(table, tmp_path)
    data = samples(observed, 4)
    known = facts(observed, data, 4)
    assert known["name"] == "rain within 4 h, weather.csv"
    assert known["data"]["sha256"] == observed.digest  # type: ignore[index]
    test = int((data.fold == TEST_FOLD).sum())
    assert known["split"]["test_hours"] == test  # type: ignore[index]
    assert known["split"]["train_hours"] == len(data) - test  # type: ignore[index]
