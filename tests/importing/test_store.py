from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import old_system
from tests.conftest import run_cli
from tests.fixtures import pair


def tags(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home / "models")) for p in (home / "models").glob("*/*") if p.is_dir())


def latest(home: Path) -> str:
    return (home / "models" / "weather-classifier" / "latest").read_text()


def of(files: tuple[Path, Path]) -> tuple[str | Path, ...]:
    return ("--scaler", files[0], "--model", files[1])


def test_importing_twice_adds_nothing_and_does_not_fail(tmp_path: Path) -> None:
    ours = of(pair.write(tmp_path))
    first = run_cli("import", *ours, home=tmp_path)
    assert first.returncode == 0, first.stderr
    before = tags(tmp_path)
    assert len(before) == 2
    second = run_cli("import", *ours, home=tmp_path)
    assert second.returncode == 0
    assert "nothing added" in second.stderr
    assert second.stdout == first.stdout
    assert tags(tmp_path) == before


@pytest.mark.slow("many runs of the command")
def test_importing_an_older_pair_again_makes_it_the_latest(tmp_path: Path) -> None:
    ours, old = tmp_path / "ours", tmp_path / "old"
    old.mkdir()
    first, second = of(pair.write(ours)), of(old_system.write(old))
    assert run_cli("import", *first, home=tmp_path).returncode == 0
    version = latest(tmp_path)
    assert run_cli("import", *second, home=tmp_path).returncode == 0
    assert latest(tmp_path) != version
    assert run_cli("import", *first, home=tmp_path).returncode == 0
    assert latest(tmp_path) == version
    assert len(tags(tmp_path)) == 4


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("compiled.onnx", lambda path: path.write_bytes(path.read_bytes() + b"x")),
        ("svc.onnx", Path.unlink),
        ("card/MODEL_CARD.md", Path.unlink),
        ("model.yaml", lambda path: path.write_text(path.read_text().replace("calibrated: true", ""))),
        ("model.yaml", lambda path: path.write_text("{{{")),
        ("model.yaml", Path.unlink),
    ],
)
def test_importing_again_repairs_what_changed_or_vanished_in_the_store(
    bentoml_home: Path, pair_folder: Path, tmp_path: Path, file: str, damage: Callable[[Path], object]
) -> None:
    ours = of((pair_folder / "model-scaler.pkl", pair_folder / "svc.onnx"))
    shutil.copytree(bentoml_home / "models", tmp_path / "models")
    folder = tmp_path / "models" / "weather-classifier" / latest(tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    damage(folder / file)
    done = run_cli("import", *ours, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "written again" in done.stderr
    assert json.loads(done.stdout)["repaired"] is True
    for path, content in before.items():
        if path.name != "model.yaml":  # has the time of its creation
            assert path.read_bytes() == content
    again = run_cli("import", *ours, home=tmp_path)
    assert "nothing added" in again.stderr


def test_the_old_systems_files_import_as_they_are(tmp_path: Path) -> None:
    scaler, model = old_system.write(tmp_path)
    done = run_cli("import", "--scaler", scaler, "--model", model, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no manifest" in done.stderr
    assert '"probability" will be null' in done.stderr
    assert "300 support vectors" in done.stderr


def test_a_model_that_scales_itself_has_the_identity_beside_it(tmp_path: Path) -> None:
    folder = Path(__file__).parent / "fixtures" / "pipeline_logreg"
    model = ("--model", folder / "model.onnx")
    for scaler in ("none", folder / "scaler.pkl"):
        done = run_cli("import", "--scaler", scaler, *model, "--json", home=tmp_path)
        assert done.returncode == 0, done.stderr
        printed = json.loads(done.stdout)
        assert printed["scaler"].startswith("weather-scaler:identity-")
        assert printed["understood"]["scaled_by"] == "model"
        assert "scaled by the model itself" in done.stderr
    stored = next((tmp_path / "models" / "weather-scaler").glob("identity-*/scaler.json"))
    scaler = json.loads(stored.read_text())
    assert (scaler["mean"], scaler["scale"]) == ([0] * 7, [1] * 7)


def test_the_card_comes_with_the_model_and_a_changed_card_is_another_version(
    bentoml_home: Path, pair_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "artifacts"
    files = pair.write(folder)
    card = folder / "MODEL_CARD.md"
    card.write_text(card.read_text() + "One more sentence.")
    assert run_cli("import", *of(files), home=tmp_path).returncode == 0
    assert latest(tmp_path) != latest(bentoml_home)
    for home, source in ((tmp_path, folder), (bentoml_home, pair_folder)):
        stored = home / "models" / "weather-classifier" / latest(home) / "card"
        assert {path.name for path in stored.iterdir()} == {card.name, *pair.PICTURES}
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
        ("model-scaler.pkl", pair.scaler()[:100], "truncated or not a pickle"),
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
