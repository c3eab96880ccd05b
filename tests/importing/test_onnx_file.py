"""Models that keep their weights in other files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests import old_system
from tests.fixtures import pair
from tests.importing.graphs import OLD_SCALER, weather_rows
from weather.importing.compiling.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.onnx_file import MAX_BYTES, read_model, tensors
from weather.model.classifier import Classifier


def outside(folder: Path) -> Path:
    """The model for tests with its constants in weights.bin."""
    path = folder / "model.onnx"
    model = onnx.load_from_string(pair.model())
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def redirected(path: Path, **where: str) -> Path:
    """The same with other entries for where its first constant is."""
    model = onnx.load(path, load_external_data=False)
    tensor = next(t for t in tensors(model) if t.data_location == TensorProto.EXTERNAL)
    for entry in tensor.external_data:
        entry.value = where.get(entry.key, entry.value)
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_beside_the_model_are_taken_in(tmp_path: Path) -> None:
    content = read_model(outside(tmp_path))
    (tmp_path / "weights.bin").unlink()
    model = onnx.load_from_string(content)
    assert all(tensor.data_location == TensorProto.DEFAULT for tensor in tensors(model))
    rows = weather_rows(50)
    plain, taken = (compile_pair(Artifacts(OLD_SCALER, model, None)) for model in (pair.model(), content))
    for ours, theirs in zip(Classifier(taken.model)(rows), Classifier(plain.model)(rows), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    path = outside(tmp_path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(BadArtifact, match=r"keeps weights in weights\.bin, which is not beside it"):
        read_model(path)


def test_short_weights_are_refused(tmp_path: Path) -> None:
    path = outside(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"1")
    with pytest.raises(BadArtifact, match=r"weights\.bin is shorter than"):
        read_model(path)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "link", "sub/../../secret"])
def test_nothing_outside_of_the_folder_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(1000))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    path = redirected(outside(folder), location=name)
    with pytest.raises(BadArtifact, match="only files in its own folder are read"):
        read_model(path)


@pytest.mark.parametrize(
    "where", [{"offset": "-4"}, {"offset": "x"}, {"length": "99999999"}, {"length": "9" * 5000}]
)
def test_impossible_places_are_refused(where: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match=r"does not say where|is shorter than"):
        read_model(redirected(outside(tmp_path), **where))


def test_a_model_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(BadArtifact, match="at most 67,108,864 bytes are read"):
        read_model(path)


def test_a_model_of_one_file_is_what_it_was(tmp_path: Path) -> None:
    _, path = old_system.write(tmp_path)
    assert read_model(path) == path.read_bytes()
