from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from loadtest.serving import PROJECT, served
from loadtest.stations import observation
from tests.conftest import run_cli


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


def test_an_exported_bento_has_both_models_and_gives_the_same_forecasts(tmp_path: Path, url: str) -> None:
    builder, elsewhere = tmp_path / "builder", tmp_path / "elsewhere"
    assert run_cli("import", home=builder).returncode == 0
    tag = bentoml("build", "--output", "tag", home=builder, cwd=PROJECT).strip().split(":", 1)[1]
    exported = tmp_path / "rain.bento"
    bentoml("export", tag, str(exported), home=builder, cwd=tmp_path)
    bentoml("import", str(exported), home=elsewhere, cwd=tmp_path)
    bento = next((elsewhere / "bentos" / "rain_forecast").glob("*/bento.yaml")).parent
    assert not (bento / "src" / "weather" / "training.py").exists()
    assert not list(bento.rglob("*.pkl"))

    records = [observation() for _ in range(20)]
    with served(elsewhere, what=tag, cwd=tmp_path) as other:
        for path in ("/model/picture?name=reliability.svg", "/", "/static/page.js"):
            assert httpx.get(f"{other}{path}").content == httpx.get(f"{url}{path}").content
        assert httpx.get(f"{other}/model").json()["card"] == httpx.get(f"{url}/model").json()["card"] != []
        for record in records:
            here = httpx.post(f"{url}/predict", json=record).json()
            there = httpx.post(f"{other}/predict", json=record).json()
            assert here["prediction"] == there["prediction"]
            assert here["probability"] == pytest.approx(there["probability"], abs=2e-6)
