"""The pair and its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import old_system
from tests.fixtures import pair
from weather.contract.names import MANIFEST_FILE
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import read


def test_a_file_that_the_manifest_does_not_describe_is_refused(tmp_path: Path) -> None:
    scaler, model = pair.write(tmp_path)
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(BadArtifact, match=r"svc\.onnx is not the file .*SHA-256 differs"):
        read(scaler, model)


def test_a_scaler_that_the_manifest_does_not_describe_is_refused(tmp_path: Path) -> None:
    scaler, model = pair.write(tmp_path)
    scaler.write_bytes(old_system.scaler_pickle())
    with pytest.raises(BadArtifact, match=r"model-scaler\.pkl is not the file .*SHA-256 differs"):
        read(scaler, model)


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    scaler, model = old_system.write(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BadArtifact, match="is not a manifest"):
        read(scaler, model)


def test_a_manifest_with_a_field_that_there_is_not_is_refused(tmp_path: Path) -> None:
    scaler, model = pair.write(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST_FILE).read_text())
    for change in ({"optional": ["colour"]}, {"features": [{**manifest["features"][0], "name": "colour"}]}):
        (tmp_path / MANIFEST_FILE).write_text(json.dumps({**manifest, **change}))
        with pytest.raises(BadArtifact, match="has colour, which is none of"):
            read(scaler, model)


def test_without_a_scaler_there_is_no_manifest(tmp_path: Path) -> None:
    _, model = pair.write(tmp_path)
    artifacts = read(None, model)
    assert artifacts.scaler is None
    assert artifacts.manifest is None
    assert not artifacts.card.files
