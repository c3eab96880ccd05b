from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests import old_system
from tests.conftest import MODEL, SCALER, run_cli


def tags(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home / "models")) for p in (home / "models").glob("*/*") if p.is_dir())


def latest(home: Path) -> str:
    return (home / "models" / "weather-classifier" / "latest").read_text()


def test_importing_twice_adds_nothing_and_does_not_fail(tmp_path: Path) -> None:
    first = run_cli("import", home=tmp_path)
    assert first.returncode == 0, first.stderr
    before = tags(tmp_path)
    assert len(before) == 2
    second = run_cli("import", home=tmp_path)
    assert second.returncode == 0
    assert "nothing added" in second.stderr
    assert second.stdout == first.stdout
    assert tags(tmp_path) == before


def test_importing_an_older_pair_again_makes_it_the_latest(tmp_path: Path) -> None:
    scaler, model = old_system.write(tmp_path)
    assert run_cli("import", home=tmp_path).returncode == 0
    ours = latest(tmp_path)
    assert run_cli("import", "--scaler", scaler, "--model", model, home=tmp_path).returncode == 0
    assert latest(tmp_path) != ours
    assert run_cli("import", home=tmp_path).returncode == 0
    assert latest(tmp_path) == ours
    assert len(tags(tmp_path)) == 4


def test_the_old_systems_files_import_as_they_are(tmp_path: Path) -> None:
    scaler, model = old_system.write(tmp_path)
    done = run_cli("import", "--scaler", scaler, "--model", model, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no manifest" in done.stderr
    assert '"probability" will be null' in done.stderr
    assert "300 support vectors" in done.stderr


def test_the_card_comes_with_the_model_and_a_changed_card_is_another_version(
    bentoml_home: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(SCALER.parent, tmp_path / "artifacts")
    card = folder / "MODEL_CARD.md"
    card.write_text(card.read_text() + "One more sentence.")
    pair = ("--scaler", folder / SCALER.name, "--model", folder / MODEL.name)
    assert run_cli("import", *pair, home=tmp_path).returncode == 0
    assert latest(tmp_path) != latest(bentoml_home)
    for home, source in ((tmp_path, folder), (bentoml_home, SCALER.parent)):
        stored = home / "models" / "weather-classifier" / latest(home) / "card"
        assert len(list(stored.iterdir())) == 5
        for path in stored.iterdir():
            assert path.read_bytes() == (source / path.name).read_bytes()


def test_the_store_holds_no_pickle(bentoml_home: Path) -> None:
    files = [p for p in (bentoml_home / "models").rglob("*") if p.is_file()]
    assert not [p for p in files if p.suffix in (".pkl", ".pickle")]
    scaler = json.loads(next(p for p in files if p.name == "scaler.json").read_text())
    assert len(scaler["mean"]) == 7


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("svc.onnx", b"", "is empty"),
        ("svc.onnx", b"junk", "truncated or not ONNX"),
        ("svc.onnx", old_system.svm(features=5), "must be float[n, 7]"),
        ("model-scaler.pkl", SCALER.read_bytes()[:100], "truncated or not a pickle"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused_in_one_sentence(
    name: str, content: bytes, complaint: str, tmp_path: Path
) -> None:
    scaler, model = old_system.write(tmp_path)
    (tmp_path / name).write_bytes(content)
    done = run_cli("import", "--scaler", scaler, "--model", model, home=tmp_path)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models").exists() or tags(tmp_path) == []
