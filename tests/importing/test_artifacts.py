from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from tests import old_system
from tests.fixtures import pair
from weather.contract.variables import FEATURES
from weather.importing.artifacts import Artifacts, BadArtifact, Scaler, read, read_scaler


def fitted(columns: int = 7) -> StandardScaler:
    return StandardScaler().fit(np.random.default_rng(3).normal(5, 2, size=(50, columns)))


def pickled(thing: object, folder: Path, protocol: int = 4) -> Path:
    path = folder / "model-scaler.pkl"
    path.write_bytes(pickle.dumps(thing, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_standard_scaler_is_read_without_scikit_learn(protocol: int, tmp_path: Path) -> None:
    theirs = fitted()
    ours = read_scaler(pickled(theirs, tmp_path, protocol))
    x = np.random.default_rng(4).normal(size=(5, 7))
    np.testing.assert_allclose(ours.transform(x), theirs.transform(x), rtol=1e-12)


def test_the_old_systems_scaler_is_read(tmp_path: Path) -> None:
    path, _ = old_system.write(tmp_path)
    scaler = read_scaler(path)
    assert scaler.mean.tolist() == old_system.MEAN.tolist()
    assert scaler.scale.tolist() == old_system.SCALE.tolist()


def test_a_scaler_that_only_centres_or_only_scales_is_read(tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(5, 2, size=(50, 7))
    centred = read_scaler(pickled(StandardScaler(with_std=False).fit(x), tmp_path))
    assert centred.scale.tolist() == [1] * 7
    scaled = read_scaler(pickled(StandardScaler(with_mean=False).fit(x), tmp_path))
    np.testing.assert_allclose(scaled.transform(x), x / x.std(axis=0))


class Payload:
    """Creates a file when a careless reader unpickles it."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.evidence),)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_malicious_pickle_is_refused_and_its_payload_did_not_run(protocol: int, tmp_path: Path) -> None:
    evidence = tmp_path / "owned"
    path = pickled(Payload(evidence), tmp_path, protocol)
    with pytest.raises(BadArtifact):
        read_scaler(path)
    assert not evidence.exists()
    pickle.loads(path.read_bytes())
    assert evidence.exists(), "the payload would have worked"


def test_foreign_code_inside_a_scaler_is_refused_by_name(tmp_path: Path) -> None:
    scaler = fitted()
    scaler.mean_ = Payload(tmp_path / "owned")
    with pytest.raises(BadArtifact, match=r"posix\.mkdir"):
        read_scaler(pickled(scaler, tmp_path))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("thing", "complaint"),
    [
        ({"mean_": 1}, "something other than a fitted StandardScaler"),
        (StandardScaler(), "never fitted"),
        (fitted(5), "scales 5 features; the service has 7"),
        (MinMaxScaler().fit([[0.0] * 7, [1.0] * 7]), "MinMaxScaler"),
    ],
)
def test_other_things_than_our_scaler_are_refused(thing: object, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match=complaint):
        read_scaler(pickled(thing, tmp_path))


@pytest.mark.parametrize(
    ("attribute", "value", "complaint"),
    [
        ("scale_", np.array([1, 1, 0, 1, 1, 1, 1.0]), "scale of wind_speed_kmph is not above zero"),
        ("scale_", np.array([1, np.inf, 1, 1, 1, 1, 1.0]), "scale of humidity is not finite"),
        ("mean_", np.array([np.nan, 1, 1, 1, 1, 1, 1.0]), "mean of temp_c is not finite"),
        ("mean_", "seven", "mean_ is not an array"),
        ("mean_", np.array(["a"] * 7, object), "mean_ is an array"),
    ],
)
def test_unusable_numbers_are_refused_by_feature(
    attribute: str, value: object, complaint: str, tmp_path: Path
) -> None:
    scaler = fitted()
    setattr(scaler, attribute, value)
    with pytest.raises(BadArtifact, match=complaint):
        read_scaler(pickled(scaler, tmp_path))


def test_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(size=(50, 7))
    right = StandardScaler().fit(pd.DataFrame(x, columns=list(FEATURES)))
    assert read_scaler(pickled(right, tmp_path)).mean.shape == (7,)
    wrong = StandardScaler().fit(pd.DataFrame(x, columns=list(reversed(FEATURES))))
    with pytest.raises(BadArtifact, match="another order"):
        read_scaler(pickled(wrong, tmp_path))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    content = pair.scaler()
    path = tmp_path / "model-scaler.pkl"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(BadArtifact):
            read_scaler(path)


def test_missing_and_oversized_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match="can't be read"):
        read_scaler(tmp_path / "nowhere.pkl")
    (tmp_path / "huge.pkl").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(BadArtifact, match="at most 1,048,576"):
        read_scaler(tmp_path / "huge.pkl")


def test_a_memo_index_that_would_eat_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model-scaler.pkl"
    path.write_bytes(b"\x80\x03Nr\xff\xff\xff\x7f.")
    with pytest.raises(BadArtifact, match="memo index"):
        read_scaler(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_pickles_are_read_or_refused_and_nothing_else(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(pair.scaler())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutated.pkl"
    path.write_bytes(content)
    try:
        scaler = read_scaler(path)
    except BadArtifact:
        return
    assert np.isfinite(scaler.mean).all()
    assert (scaler.scale > 0).all()


def test_the_safe_form_round_trips_exactly(artifacts: Artifacts) -> None:
    scaler = artifacts.scaler
    again = Scaler.from_json(scaler.to_json())
    assert (again.mean == scaler.mean).all()
    assert (again.scale == scaler.scale).all()


def test_a_file_that_the_manifest_does_not_describe_is_refused(tmp_path: Path) -> None:
    scaler, model = pair.write(tmp_path)
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(BadArtifact, match=r"svc\.onnx is not the file .*SHA-256 differs"):
        read(scaler, model)


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    scaler, model = old_system.write(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BadArtifact, match="is not a manifest"):
        read(scaler, model)
