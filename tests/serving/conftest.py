"""Parts of several modules: a model store with two pairs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import run_cli
from tests.fixtures import pair
from tests.serving.store import Store
from weather.contract.names import CLASSIFIER


@pytest.fixture(scope="session")
def original(bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Both pairs; they have the same scaler."""
    home = shutil.copytree(bentoml_home, tmp_path_factory.mktemp("swap") / "home")
    (first,) = (path.name for path in (home / "models" / CLASSIFIER).glob("*/"))
    scaler, model = pair.write(tmp_path_factory.mktemp("variant"), pair.VARIANT)
    done = run_cli("import", "--scaler", scaler, "--model", model, "--json", home=home)
    assert done.returncode == 0, done.stderr
    store = Store(home, f"{CLASSIFIER}:{first}", json.loads(done.stdout)["classifier"])
    assert store.first != store.second
    store.promote(store.first)
    return store


@pytest.fixture
def store(original: Store, tmp_path: Path) -> Store:
    """A copy of it."""
    return Store(shutil.copytree(original.home, tmp_path / "home"), original.first, original.second)
