"""The manifest of a classifier in the model store."""

from __future__ import annotations

import shutil
from pathlib import Path

import bentoml
import pytest

from weather.contract.manifest import Manifest
from weather.contract.names import CLASSIFIER, MANIFEST_FILE
from weather.model.manifest import manifest_of


def stored(home: Path) -> Path:
    """The folder of the only classifier in a store."""
    (folder,) = (path for path in (home / "models" / CLASSIFIER).iterdir() if path.is_dir())
    return folder


@pytest.fixture
def folder(bentoml_home: Path, tmp_path: Path) -> Path:
    """A classifier's folder in a copy of the store, to be changed."""
    return stored(shutil.copytree(bentoml_home, tmp_path / "home"))


def test_it_is_what_was_imported(folder: Path, manifest: Manifest) -> None:
    assert manifest_of(bentoml.Model.from_path(str(folder))) == manifest.model_dump()


def test_it_is_not_in_the_yaml_that_every_start_parses(folder: Path) -> None:
    assert "golden" not in (folder / "model.yaml").read_text()


def test_artifacts_of_the_old_system_have_none(old_home: Path) -> None:
    assert manifest_of(bentoml.Model.from_path(str(stored(old_home)))) == {}


def test_a_missing_or_broken_one_is_empty(folder: Path) -> None:
    classifier = bentoml.Model.from_path(str(folder))
    (folder / MANIFEST_FILE).write_text('{"golden": [')
    assert manifest_of(classifier) == {}
    (folder / MANIFEST_FILE).unlink()
    assert manifest_of(classifier) == {}
