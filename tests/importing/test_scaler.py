"""Reading scalers: formats, what is refused, units, the order of columns."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from loadtest.stations import OBSERVATIONS
from tests import old_system
from tests.fixtures import pair
from weather.contract.variables import FEATURES
from weather.importing.errors import BadArtifact
from weather.importing.reading import typical
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.scaler import MAX_BYTES, Scaler, read_scaler

ROWS = np.array([[row[name] for name in FEATURES] for row in OBSERVATIONS], np.float64)
OLD_NAMES = (
    *("Temperature_C", "Humidity", "Wind_speed_kmph", "Wind_bearing_degrees", "Visibility_km"),
    *("Pressure_millibars", "Current_weather_condition"),
)
MIXED = [5, 1, 6, 0, 4, 2, 3]


def fitted(x: NDArray[np.float64] = ROWS, names: Any = None, **options: Any) -> StandardScaler:
    return StandardScaler(**options).fit(x if names is None else pd.DataFrame(x, columns=list(names)))


def pickled(thing: object, folder: Path, protocol: int = 4) -> Path:
    path = folder / "model-scaler.pkl"
    path.write_bytes(pickle.dumps(thing, protocol=protocol))
    return path


def through(opened: Callable[..., Any], thing: object, path: Path) -> None:
    with opened(path, "wb") as file:
        pickle.dump(thing, file)


def dump_pickle(protocol: int, thing: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(thing, protocol=protocol))


FORMS: dict[str, Callable[[object, Path], object]] = {
    **{f"protocol {n}": partial(dump_pickle, n) for n in range(6)},
    **{f"joblib, protocol {n}": partial(joblib.dump, protocol=n) for n in range(2, 6)},
    **{
        f"joblib {kind}": partial(joblib.dump, compress=(kind, 5))
        for kind in ("zlib", "gzip", "bz2", "lzma", "xz")
    },
    **{f"pickle in {m.__name__}": partial(through, m.open) for m in (gzip, bz2, lzma)},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [None, FEATURES])
def test_a_standard_scaler_is_read_in_whatever_form(form: str, names: Any, tmp_path: Path) -> None:
    theirs = fitted(names=names)
    FORMS[form](theirs, tmp_path / "scaler")
    ours = read_scaler(tmp_path / "scaler")
    assert (ours.mean == theirs.mean_).all()
    assert (ours.scale == theirs.scale_).all()
    assert ours.order == FEATURES
    assert ours.remarks == ()


def test_the_old_systems_scaler_is_read(tmp_path: Path) -> None:
    path, _ = old_system.write(tmp_path)
    scaler = read_scaler(path)
    assert scaler.mean.tolist() == old_system.MEAN.tolist()
    assert scaler.scale.tolist() == old_system.SCALE.tolist()
    (remark,) = scaler.remarks  # it was trained on 0 mbar where pressure was missing
    assert remark.startswith("pressure_millibars: a standard deviation of 117 needs values outside")


def test_what_python_2_pickled_is_read(tmp_path: Path) -> None:
    """Protocol 0 of Python 2 writes bytes as quoted text and names copy_reg and __builtin__."""
    content = pickle.dumps(fitted(), protocol=0)
    path = tmp_path / "scaler.pkl"
    path.write_bytes(content.replace(b"cbuiltins\nobject", b"c__builtin__\nobject"))
    assert (read_scaler(path).mean == fitted().mean_).all()


def test_a_scaler_that_only_centres_or_only_scales_is_read(tmp_path: Path) -> None:
    centred = read_scaler(pickled(fitted(with_std=False), tmp_path))
    assert centred.scale.tolist() == [1] * 7
    scaled = read_scaler(pickled(fitted(with_mean=False), tmp_path))
    np.testing.assert_allclose(scaled.transform(ROWS), ROWS / ROWS.std(axis=0))
    for scaler in (centred, scaled):
        np.testing.assert_allclose(scaler.data[0], ROWS.mean(axis=0))
        again = Scaler.from_json(scaler.to_json())
        for ours, theirs in zip(again.data, scaler.data, strict=True):
            assert (ours == theirs).all()
    np.testing.assert_allclose(scaled.data[1], ROWS.std(axis=0))


def test_a_scaler_that_does_nothing_is_read(tmp_path: Path) -> None:
    scaler = read_scaler(pickled(fitted(with_mean=False, with_std=False), tmp_path))
    assert (scaler.transform(ROWS) == ROWS).all()
    assert (scaler.data[0] == typical.MEAN).all()


def test_the_mean_of_a_scaler_that_only_scales_is_looked_at_all_the_same(tmp_path: Path) -> None:
    percent = fitted(ROWS * [1, 100, 1, 1, 1, 1, 1], with_mean=False)
    with pytest.raises(BadArtifact, match=r"humidity's mean is .* is it in percent"):
        read_scaler(pickled(percent, tmp_path))


class Payload:
    """Creates a file when a careless reader unpickles it."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.evidence),)


@pytest.mark.parametrize("form", FORMS)
def test_a_malicious_file_is_refused_and_its_payload_did_not_run(form: str, tmp_path: Path) -> None:
    evidence = tmp_path / "owned"
    path = tmp_path / "scaler"
    FORMS[form](Payload(evidence), path)
    with pytest.raises(BadArtifact, match=r"names posix\.mkdir.*no code was run"):
        read_scaler(path)
    assert not evidence.exists()
    joblib.load(path)
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
        (ROWS[0], "something other than a fitted StandardScaler"),
        (StandardScaler(), "never fitted"),
        (fitted(ROWS[:, :5]), "scales 5 features; the service has 7"),
        (MinMaxScaler().fit(ROWS), "MinMaxScaler"),
        (make_pipeline(StandardScaler()).fit(ROWS), "Dump its StandardScaler alone.*--scaler none"),
    ],
)
@pytest.mark.parametrize("dump", [joblib.dump, FORMS["protocol 4"]])
def test_other_things_than_our_scaler_are_refused(
    thing: object, complaint: str, dump: Callable[[object, Path], object], tmp_path: Path
) -> None:
    dump(thing, tmp_path / "scaler")
    with pytest.raises(BadArtifact, match=complaint):
        read_scaler(tmp_path / "scaler")


@pytest.mark.parametrize(
    ("attribute", "value", "complaint"),
    [
        ("scale_", np.array([1, 1, 0, 1, 1, 1, 1.0]), "scale of wind_speed_kmph is not above zero"),
        ("scale_", np.array([1, np.inf, 1, 1, 1, 1, 1.0]), "scale of humidity is not finite"),
        ("scale_", np.array([1e-300, 1, 1, 1, 1, 1, 1.0]), "scale of temp_c is 1e-300, which no weather has"),
        ("mean_", np.array([np.nan, 1, 1, 1, 1, 1, 1.0]), "mean of temp_c is not finite"),
        ("mean_", "seven", "mean_ is not an array"),
        ("mean_", np.array(["a"] * 7, object), "mean_ is an array"),
        ("mean_", np.zeros((7, 1)), "mean_ is an array"),
    ],
)
def test_unusable_numbers_are_refused_by_feature(
    attribute: str, value: object, complaint: str, tmp_path: Path
) -> None:
    scaler = fitted()
    setattr(scaler, attribute, value)
    with pytest.raises(BadArtifact, match=complaint):
        read_scaler(pickled(scaler, tmp_path))


@pytest.mark.parametrize(
    ("field", "factor", "shift", "complaint"),
    [
        (1, 100, 0, "humidity's mean is .*outside of the 0 to 1.*: is it in percent. Train on a fraction"),
        (0, 1, 273.15, "temp_c's mean is .*is it in kelvin"),
        (5, 100, 0, "pressure_millibars's mean is .*is it in pascals"),
        (5, 0.1, 0, "pressure_millibars's mean is .*is it in kilopascals"),
        (5, 1 / 33.8639, 0, "pressure_millibars's mean is .*is it in inches of mercury"),
        (4, 1000, 0, "visibility_km's mean is .*is it in metres"),
    ],
)
def test_another_unit_is_refused_by_field_with_the_likely_cause(
    field: int, factor: float, shift: float, complaint: str, tmp_path: Path
) -> None:
    x = ROWS.copy()
    x[:, field] = x[:, field] * factor + shift
    with pytest.raises(BadArtifact, match=complaint):
        read_scaler(pickled(fitted(x), tmp_path))


@pytest.mark.parametrize("names", [FEATURES, OLD_NAMES])
def test_columns_in_another_order_are_put_in_order(names: tuple[str, ...], tmp_path: Path) -> None:
    scaler = read_scaler(pickled(fitted(ROWS[:, MIXED], [names[i] for i in MIXED]), tmp_path))
    np.testing.assert_allclose(scaler.mean, ROWS.mean(axis=0), rtol=1e-12)
    assert scaler.order == tuple(FEATURES[i] for i in MIXED)
    assert "in the order pressure_millibars, humidity" in scaler.remarks[0]


def test_columns_in_another_order_without_names_are_noticed_where_a_mean_is_impossible(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadArtifact, match="are the columns in another order than temp_c"):
        read_scaler(pickled(fitted(ROWS[:, MIXED]), tmp_path))


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["humidity", "a", "b", "c", "d", "e", "f"], "in an order that is ambiguous"),
        (["temp_f", *FEATURES[1:]], "temp_f is not in the contract's unit: temp_c is °C"),
        (["humidity_percent", *FEATURES[1:]], "humidity_percent is not in the contract's unit"),
        (["temp", "temperature", *FEATURES[2:]], "which are ambiguous"),
    ],
)
def test_columns_that_mean_something_else_are_refused(
    names: list[str], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(BadArtifact, match=complaint):
        read_scaler(pickled(fitted(names=names), tmp_path))


def test_unknown_columns_are_taken_as_they_stand_and_said_so(tmp_path: Path) -> None:
    scaler = read_scaler(pickled(fitted(names=[f"x{i}" for i in range(7)]), tmp_path))
    assert scaler.order == FEATURES
    assert scaler.remarks[0].startswith("the scaler's columns are x0, x1")
    assert "assumed to be temp_c, humidity" in scaler.remarks[0]


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scaler"
    joblib.dump(fitted(names=FEATURES), path)
    for content in (pair.scaler(), path.read_bytes()):
        for length in range(len(content)):
            path.write_bytes(content[:length])
            with pytest.raises(BadArtifact):
                read_scaler(path)


def test_missing_and_oversized_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match="can't be read"):
        read_scaler(tmp_path / "nowhere.pkl")
    (tmp_path / "huge.pkl").write_bytes(bytes(MAX_BYTES + 1))
    with pytest.raises(BadArtifact, match="at most 1,048,576"):
        read_scaler(tmp_path / "huge.pkl")
    (tmp_path / "empty.pkl").touch()
    with pytest.raises(BadArtifact, match="is empty"):
        read_scaler(tmp_path / "empty.pkl")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_what_would_decompress_to_more_is_refused(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A gigabyte of zeros is 1 MB as gzip: it is not decompressed beyond the limit."""
    path = tmp_path / "bomb"
    path.write_bytes(compress(bytes(40 * MAX_BYTES)))
    assert path.stat().st_size < MAX_BYTES
    with pytest.raises(BadArtifact, match="more than 1,048,576 bytes once decompressed"):
        read_scaler(path)


def test_lz4_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "scaler").write_bytes(b"\x04\x22\x4d\x18" + bytes(40))
    with pytest.raises(BadArtifact, match=r"compressed with LZ4.*dump it with compress=3"):
        read_scaler(tmp_path / "scaler")


def test_the_safe_form_round_trips_exactly(artifacts: Artifacts) -> None:
    assert artifacts.scaler is not None
    for scaler in (artifacts.scaler, Scaler(artifacts.scaler.mean, artifacts.scaler.scale, FEATURES[::-1])):
        again = Scaler.from_json(scaler.to_json())
        assert (again.mean == scaler.mean).all()
        assert (again.scale == scaler.scale).all()
        assert again.order == scaler.order
