"""Shared parts: the committed artifacts in a temporary model store, and the real server on them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

from loadtest.serving import PROJECT, served
from tests import old_system
from weather.contract.manifest import Manifest
from weather.contract.variables import EXAMPLE as EXAMPLE
from weather.importing.artifacts import Artifacts, read
from weather.importing.compiler import compile_pair
from weather.model.classifier import Classifier

SCALER = PROJECT / "artifacts" / "model-scaler.pkl"
MODEL = PROJECT / "artifacts" / "svc.onnx"


def run_cli(
    *arguments: str | Path, home: Path | None = None, cwd: Path = PROJECT
) -> subprocess.CompletedProcess[str]:
    """``python train_import.py ARGUMENTS`` as a user runs it."""
    environment = {**os.environ, "BENTOML_HOME": str(home)} if home else dict(os.environ)
    return subprocess.run(
        [sys.executable, PROJECT / "train_import.py", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="session")
def bentoml_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store of the tests' own, with the committed artifacts imported."""
    home = tmp_path_factory.mktemp("bentoml")
    done = run_cli("import", home=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def url(bentoml_home: Path) -> Iterator[str]:
    """The address of a running service."""
    with served(bentoml_home) as address:
        yield address


@pytest.fixture(scope="session")
def old_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with artifacts of the old system's shape: no manifest, no card."""
    home = tmp_path_factory.mktemp("old")
    scaler, model = old_system.write(home)
    done = run_cli("import", "--scaler", scaler, "--model", model, home=home)
    assert done.returncode == 0, done.stderr
    return home


OLD_KEY = "the key of the old system's clients"


@pytest.fixture(scope="session")
def old_url(old_home: Path) -> Iterator[str]:
    """The address of a service on them, which wants OLD_KEY."""
    keys = old_home / "keys"
    keys.write_text(f"test:{hashlib.sha256(OLD_KEY.encode()).hexdigest()}\n")
    with served(old_home, env={"WEATHER_API_KEYS_FILE": str(keys)}) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30) as session:
        yield session


@pytest.fixture(scope="session")
def artifacts() -> Artifacts:
    return read(SCALER, MODEL)


@pytest.fixture(scope="session")
def manifest(artifacts: Artifacts) -> Manifest:
    assert artifacts.manifest is not None
    return artifacts.manifest


@pytest.fixture(scope="session")
def classifier(artifacts: Artifacts) -> Classifier:
    return Classifier(compile_pair(artifacts).model)
