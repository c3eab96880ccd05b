"""The import command: what it takes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from loadtest.serving import PROJECT
from tests.conftest import run_cli
from tests.importing.foreign import write_reference

FIXTURES = PROJECT / "tests" / "importing" / "fixtures"


def stored(home: Path) -> list[Path]:
    return list((home / "models").glob("*/*"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model", FIXTURES / "logreg" / "model.onnx"], "give the scaler that"),
        (["--scaler", FIXTURES / "logreg" / "scaler.pkl"], "give the model that belongs to the scaler"),
        (["--scaler", "none"], "give the model"),
    ],
)
def test_half_a_pair_is_not_completed_with_the_committed_one(
    arguments: list[str | Path], complaint: str, tmp_path: Path
) -> None:
    done = run_cli("import", *arguments, home=tmp_path)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not stored(tmp_path)


def test_import_says_what_it_understood_in_words_and_as_json(tmp_path: Path) -> None:
    folder = FIXTURES / "words_rain_logreg"
    pair = ("--scaler", folder / "scaler.pkl", "--model", folder / "model.onnx")
    done = run_cli("import", *pair, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in (
        "scaled by the scaler: in raw rows no field has an effect",
        "label: output output_label; 'Rain' is Rain, 'No_Rain' is No_Rain",
        "probability: output probabilities, column 2 of 2",
        "rows: 0 labels differ, scores by ",
    ):
        assert line in done.stderr
    understood = json.loads(done.stdout)["understood"]
    assert understood["scaled_by"] == "scaler"
    assert understood["label"] == {"output": "output_label", "rain": "Rain", "classes": ["No_Rain", "Rain"]}
    assert understood["check"]["rows"] > 1000


@pytest.mark.slow("many runs of the command")
def test_import_takes_what_the_files_cannot_tell(tmp_path: Path) -> None:
    for name, option, line in (
        ("class_0_is_rain", ("--rain-label", "0"), "0 is Rain, 1 is No_Rain"),
        ("net_logit_told", ("--logit",), "sigmoid of a logit"),
        ("told_raw", ("--input", "raw"), "stated with --input"),
    ):
        pair = ("--scaler", FIXTURES / name / "scaler.pkl", "--model", FIXTURES / name / "model.onnx")
        done = run_cli("import", *pair, *option, home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert line in done.stderr


@pytest.mark.slow("many runs of the command")
def test_import_checks_a_users_own_answers_and_stores_nothing_that_differs(tmp_path: Path) -> None:
    folder, rows = FIXTURES / "small_xgboost", np.load(FIXTURES / "rows.npy")
    label, chance = np.load(folder / "label.npy"), np.load(folder / "prob.npy")
    pair = ("--scaler", folder / "scaler.pkl", "--model", folder / "model.onnx")
    reference = tmp_path / "mine.csv"
    write_reference(reference, rows, label, chance + np.where(np.arange(len(chance)) == 5, 0.01, 0))
    done = run_cli("import", *pair, "--check", reference, home=tmp_path)
    assert done.returncode == 1
    assert "line 7: the probability is" in done.stderr
    assert not stored(tmp_path)
    assert (
        run_cli("import", *pair, "--check", reference, "--tolerance", "0.02", home=tmp_path).returncode == 0
    )
    write_reference(reference, rows, label, chance)
    done = run_cli("import", *pair, "--check", reference, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine.csv, 100 rows: no label differs, probabilities by less than 1e-0" in done.stderr
    compared = json.loads(done.stdout)["compared"]
    assert compared["rows"] == 100
    assert compared["probability"] < 1e-5
