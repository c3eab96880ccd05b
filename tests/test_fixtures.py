"""The pair of artifacts that other tests rest on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from loadtest.stations import OBSERVATIONS
from tests.fixtures import pair
from weather.contract.variables import EXAMPLE, WeatherVariables
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read
from weather.model.classifier import Classifier


def test_the_pair_is_made_alike_each_time(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        pair.write(tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name


def test_its_answers_are_known_and_varied(tmp_path: Path) -> None:
    assert pair.probability(EXAMPLE) > 0.8
    artifacts = read(*pair.write(tmp_path))
    forecasts = Classifier(compile_pair(artifacts).model).forecast(
        [WeatherVariables(**row) for row in OBSERVATIONS]
    )
    expected = [pair.probability(row) for row in OBSERVATIONS]
    np.testing.assert_allclose([f.probability for f in forecasts], expected, atol=2e-5)  # type: ignore[arg-type]
    decisions = ["Rain" if p > pair.THRESHOLD else "No_Rain" for p in expected]
    assert [f.prediction for f in forecasts] == decisions
    assert 50 < decisions.count("Rain") < 200
    assert any(pair.THRESHOLD < p < 0.5 for p in expected), "some are Rain only at the model's threshold"
    assert artifacts.manifest is not None
    assert {row.prediction for row in artifacts.manifest.golden} == {"Rain", "No_Rain"}
    assert artifacts.card.files.keys() == {"MODEL_CARD.md", *pair.PICTURES}
