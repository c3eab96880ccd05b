from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from loadtest.serving import PROJECT, served
from loadtest.stations import observation
from tests import old_system
from tests.conftest import run_cli
from tests.fixtures import pair


def bentoml(*arguments: str, home: Path, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", *arguments],
        cwd=cwd,
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def packed(source: Path) -> set[str]:
    """The files of a Bento's source."""
    return {str(path.relative_to(source)) for path in source.rglob("*") if is_source(path)}


def is_source(path: Path) -> bool:
    """Whether it is a file that Python has not compiled; another process may do that now."""
    return path.is_file() and path.parent.name != "__pycache__"


def included() -> set[str]:
    """The files that bentofile.yaml names, and all that are in the folders that it names."""
    wanted = set()
    for entry in yaml.safe_load((PROJECT / "bentofile.yaml").read_text())["include"]:
        path = PROJECT / entry.strip("/")
        files = path.rglob("*") if entry.endswith("/") else [path]
        wanted |= {str(file.relative_to(PROJECT)) for file in files if is_source(file)}
    return wanted


@pytest.mark.slow("builds, exports and serves a Bento")
def test_an_exported_bento_has_both_models_and_gives_the_same_forecasts(
    bentoml_home: Path, tmp_path: Path, url: str
) -> None:
    builder, elsewhere = shutil.copytree(bentoml_home, tmp_path / "builder"), tmp_path / "elsewhere"
    tag = bentoml("build", "--output", "tag", home=builder, cwd=PROJECT).strip().split(":", 1)[1]
    exported = tmp_path / "rain.bento"
    bentoml("export", tag, str(exported), home=builder, cwd=tmp_path)
    bentoml("import", str(exported), home=elsewhere, cwd=tmp_path)
    bento = next((elsewhere / "bentos" / "rain_forecast").glob("*/bento.yaml")).parent
    assert packed(bento / "src") == included() | {"bentofile.yaml"}
    assert not list(bento.rglob("*.pkl"))

    # A pair that comes into the store later is not the Bento's, though it is the latest.
    scaler, model = old_system.write(tmp_path)
    done = run_cli("import", "--scaler", scaler, "--model", model, home=elsewhere)
    assert done.returncode == 0, done.stderr

    records = [observation() for _ in range(20)]
    with served(elsewhere, what=tag, cwd=tmp_path) as other:
        for path in (f"/model/picture?name={pair.PICTURES[0]}", "/", "/static/page.js"):
            assert httpx.get(f"{other}{path}").content == httpx.get(f"{url}{path}").content
        assert httpx.get(f"{other}/model").json()["card"] == httpx.get(f"{url}/model").json()["card"] != []
        for record in records:
            here = httpx.post(f"{url}/predict", json=record).json()
            there = httpx.post(f"{other}/predict", json=record).json()
            assert here["prediction"] == there["prediction"]
            assert here["probability"] == pytest.approx(there["probability"], abs=2e-6)
