"""``import --check``: what is served beside what users know their model to answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loadtest.stations import OBSERVATIONS
from tests.fixtures import pair
from tests.importing.foreign import write_reference
from weather.contract.variables import FEATURES
from weather.importing.compiling.compiler import Compiled, compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reference import compare

ROWS = np.array([[row[name] for name in FEATURES] for row in OBSERVATIONS[:200]], np.float64)
CHANCE = np.array([pair.probability(row) for row in OBSERVATIONS[:200]])
LABEL = CHANCE > pair.THRESHOLD


@pytest.fixture(scope="module")
def compiled(artifacts: Artifacts) -> Compiled:
    return compile_pair(artifacts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reference.csv"


def test_answers_of_the_model_itself_agree(compiled: Compiled, path: Path) -> None:
    write_reference(path, ROWS, LABEL, CHANCE)
    agreement = compare(compiled, path)
    assert agreement.rows == 200
    assert agreement.left_out == 0
    assert agreement.probability is not None
    assert agreement.probability < 1e-5


def test_a_probability_that_is_off_is_refused_with_its_line(compiled: Compiled, path: Path) -> None:
    off = CHANCE.copy()
    off[41] += 0.002
    write_reference(path, ROWS, LABEL, off)
    with pytest.raises(BadArtifact, match=r"line 43: the probability is .*, 0\.002 apart; allowed are 1e-05"):
        compare(compiled, path)
    assert compare(compiled, path, tolerance=0.003).probability == pytest.approx(0.002, abs=1e-4)


def test_one_label_that_differs_is_refused_with_its_line(compiled: Compiled, path: Path) -> None:
    wrong = LABEL.copy()
    wrong[7] = ~wrong[7]
    write_reference(path, ROWS, wrong, None)
    with pytest.raises(BadArtifact, match="1 of 200 labels differ; the first in line 9"):
        compare(compiled, path)


def test_a_label_at_the_threshold_may_differ(compiled: Compiled, path: Path) -> None:
    nearest = int(np.abs(CHANCE - pair.THRESHOLD).argmin())
    wrong = LABEL.copy()
    wrong[nearest] = ~wrong[nearest]
    write_reference(path, ROWS, wrong, CHANCE)
    distance = abs(CHANCE[nearest] - compiled.facts["threshold"])
    assert compare(compiled, path, tolerance=distance + 1e-4).ties == 1
    with pytest.raises(BadArtifact, match="1 of 200 labels differ"):
        compare(compiled, path, tolerance=distance / 2)


@pytest.mark.parametrize(("rain", "dry"), [("Rain", "No_Rain"), ("1", "0"), ("yes", "no"), ("1.0", "0.0")])
def test_labels_may_be_words(rain: str, dry: str, compiled: Compiled, path: Path) -> None:
    lines = [",".join([*FEATURES, "label"])]
    lines += [",".join([*map(str, row), rain if wet else dry]) for row, wet in zip(ROWS, LABEL, strict=True)]
    path.write_text("\n".join(lines))
    assert compare(compiled, path).probability is None


def test_columns_may_have_the_old_names_and_any_order(compiled: Compiled, path: Path) -> None:
    names = ["Pressure_millibars", "Temperature_C", "Humidity", "Wind_speed_kmph", "Wind_bearing_degrees"]
    names += ["Visibility_km", "Current_weather_condition"]
    order = [5, 0, 1, 2, 3, 4, 6]
    lines = [",".join(["probability", *names])]
    lines += [",".join(map(str, [p, *row[order]])) for row, p in zip(ROWS, CHANCE, strict=True)]
    path.write_text("\n".join(lines) + "\n\n")
    assert compare(compiled, path).rows == 200


def test_rows_that_the_service_refuses_are_left_out(compiled: Compiled, path: Path) -> None:
    rows = ROWS.copy()
    rows[3, 5] = 0
    write_reference(path, rows, LABEL, None)
    assert compare(compiled, path).left_out == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("temp_c,humidity,label\n1,2,0\n", "has no column wind_speed_kmph"),
        (",".join(FEATURES) + "\n", "has no column label or probability"),
        (",".join([*FEATURES, "label"]) + "\n1,0,0,0,0,x,0,1\n", "line 2: could not convert"),
        (",".join([*FEATURES, "label"]) + "\n1,0,0\n", "line 2: "),
        (",".join([*FEATURES, "label"]) + "\n1,0,0,0,0,0,0,1\n", "no row within the ranges"),
        (",".join([*FEATURES, "label"]) + "\n1,0,0,0,0,1000,0,storm\n", "labels storm are not the model's"),
        ("\xff".encode("latin-1").decode("latin-1"), "has no column"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    text: str, complaint: str, compiled: Compiled, path: Path
) -> None:
    path.write_text(text)
    with pytest.raises(BadArtifact, match=complaint):
        compare(compiled, path)


def test_a_file_with_probabilities_is_refused_for_a_model_without(path: Path) -> None:
    from tests import old_system
    from tests.importing.graphs import pair as old_pair

    write_reference(path, ROWS, LABEL, CHANCE)
    with pytest.raises(BadArtifact, match="has probabilities; the model as it is served has none"):
        compare(compile_pair(old_pair(old_system.svm())), path)
