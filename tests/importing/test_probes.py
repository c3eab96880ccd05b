"""The rows of the self-check."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.fixtures import pair as pair_for_tests
from tests.importing.graphs import OLD_SCALER, stump
from weather.contract.variables import BINARY, FEATURES, LIMITS
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.scaler import Scaler
from weather.importing.understanding import probes
from weather.importing.understanding.probes import observations, probe_rows, typical_scaler

NO_TREES = onnx.load_from_string(pair_for_tests.model())


def test_they_reach_the_edges_of_the_contract_and_never_leave_it() -> None:
    rows = probe_rows(OLD_SCALER, None, NO_TREES)
    for index, name in enumerate(FEATURES):
        assert (rows[:, index].min(), rows[:, index].max()) == LIMITS[name]


def test_there_are_enough_inside_the_training_range(artifacts: Artifacts) -> None:
    assert artifacts.manifest is not None
    assert artifacts.scaler is not None
    rows = probe_rows(artifacts.scaler, artifacts.manifest, NO_TREES)
    low = [feature.minimum for feature in artifacts.manifest.features]
    high = [feature.maximum for feature in artifacts.manifest.features]
    inside = ((rows >= low) & (rows <= high)).all(axis=1)
    assert inside.sum() >= 1000
    assert len(np.unique(rows[inside], axis=0)) >= 1000


def test_half_of_them_repeat_values_as_instruments_give_them() -> None:
    rows = observations(OLD_SCALER, 512, np.random.default_rng(1))
    for index, name in enumerate(FEATURES):
        assert len(np.unique(rows[:, index])) < (500 if name not in BINARY else 3), name
    uniform = probe_rows(OLD_SCALER, None, NO_TREES)[: probes.UNIFORM_ROWS]
    assert len(np.unique(uniform[:, 0])) == probes.UNIFORM_ROWS


@pytest.mark.parametrize("threshold", [0.5, -0.25])
def test_they_lie_on_the_thresholds_of_trees(threshold: float) -> None:
    model = onnx.load_from_string(stump(0, threshold))
    rows = probe_rows(OLD_SCALER, None, model)
    on = threshold * OLD_SCALER.scale[0] + OLD_SCALER.mean[0]
    assert (rows[:, 0] == on).sum() >= 32
    assert (rows[:, 0] == threshold).sum() >= 32, "as if the trees saw raw rows"
    turned = Scaler(OLD_SCALER.mean, OLD_SCALER.scale, FEATURES[::-1])
    rows = probe_rows(turned, None, model)
    last = threshold * OLD_SCALER.scale[6] + OLD_SCALER.mean[6]
    assert (rows[:, 6] == last).sum() >= 32, "the trees' first column is the contract's last"


def test_the_binary_fields_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"current_weather_condition"} == BINARY
    monkeypatch.setattr(probes, "BINARY", frozenset({"humidity"}))
    rows = observations(OLD_SCALER, 200, np.random.default_rng(1))
    assert set(rows[:, 1]) == {0, 1}
    assert len(set(rows[:, 6])) > 2
    uniform = probe_rows(OLD_SCALER, None, NO_TREES)[: probes.UNIFORM_ROWS]
    assert set(uniform[:, 1]) == {0, 1}


def test_typical_weather_is_within_the_contract() -> None:
    rows = observations(typical_scaler(), 200, np.random.default_rng(1))
    low, high = np.array([LIMITS[name] for name in FEATURES]).T
    assert ((rows >= low) & (rows <= high)).all()
    assert (rows.std(axis=0) > 0).all()
