"""Reads a fitted StandardScaler from a pickle or a joblib file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.importing.errors import BadArtifact
from weather.importing.reading import typical
from weather.importing.reading.fields import order_of
from weather.importing.reading.files import decompressed, read_bytes
from weather.importing.reading.inert_pickle import JOBLIB_ARRAYS, Instance, load
from weather.importing.reading.units import check_means

MAX_BYTES = 1 << 20
"""Maximum size of a scaler's file, also decompressed. A StandardScaler of seven features has about 600 bytes.
"""

MIN_SCALE, MAX_SCALE = 1e-9, 1e9

SCALERS = frozenset(f"sklearn.preprocessing.{module}.StandardScaler" for module in ("_data", "data"))
"""The class's name now, and before scikit-learn 0.22."""

NAMES = frozenset(
    {
        *SCALERS,
        *JOBLIB_ARRAYS,
        *(
            f"numpy.{core}.multiarray.{name}"
            for core in ("core", "_core")
            for name in ("_reconstruct", "scalar")
        ),
        *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
        *("numpy.ndarray", "numpy.dtype", "_codecs.encode"),
        *("copyreg._reconstructor", "copy_reg._reconstructor", "builtins.object", "__builtin__.object"),
    }
)
"""Classes and functions in pickles of a StandardScaler, of protocols 0 to 5 and by joblib."""

CONTAINERS = ("sklearn.pipeline.Pipeline", "sklearn.compose._column_transformer.ColumnTransformer")


@dataclass(frozen=True)
class Scaler:
    """``(x - mean) / scale``; both float64[7] in the contract's order, finite, the scale above zero.

    ``order`` names the columns in the order in which the scaler was fitted, which is the order that
    its classifier expects. ``remarks`` are for the user. ``data_mean`` and ``data_scale`` are those of the
    training data where the scaler does not apply them (``with_mean=False``, ``with_std=False``).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    order: tuple[str, ...] = FEATURES
    remarks: tuple[str, ...] = ()
    data_mean: NDArray[np.float64] | None = None
    data_scale: NDArray[np.float64] | None = None

    @property
    def data(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of the training data."""
        mean = self.mean if self.data_mean is None else self.data_mean
        return mean, self.scale if self.data_scale is None else self.data_scale

    def transform(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """float64[n, 7] standardised rows, still in the contract's order."""
        return np.asarray((np.asarray(x, np.float64) - self.mean) / self.scale)

    def to_json(self) -> str:
        """The scaler as JSON, as stored in the model store; floats round-trip exactly."""
        state = {"features": FEATURES, "mean": self.mean.tolist(), "scale": self.scale.tolist()}
        if self.order != FEATURES:
            state["order"] = self.order
        for name, vector in (("data_mean", self.data_mean), ("data_scale", self.data_scale)):
            if vector is not None:
                state[name] = vector.tolist()
        return json.dumps(state, indent=1)

    @staticmethod
    def from_json(text: str, remarks: tuple[str, ...] = ()) -> Scaler:
        """The inverse of ``to_json``, which leaves out the remarks."""
        state = json.loads(text)
        order = tuple(state.get("order", FEATURES))
        data = [np.array(state[name]) if name in state else None for name in ("data_mean", "data_scale")]
        return Scaler(np.array(state["mean"]), np.array(state["scale"]), order, remarks, *data)


IDENTITY = Scaler(np.zeros(len(FEATURES)), np.ones(len(FEATURES)))
"""The scaler stored with a model that scales its input itself."""


def read_scaler(path: Path) -> Scaler:
    """Read a fitted StandardScaler written by ``pickle.dump`` or ``joblib.dump``, compressed or not.

    Needs no scikit-learn and runs no code of the file (see ``inert_pickle``).

    Raises:
        BadArtifact: the file is truncated, too large, names other code or is not a StandardScaler of seven
            features; a mean or scale is invalid; the order of the columns is ambiguous; or a mean is outside
            the range that the contract accepts.
    """
    try:
        return _scaler(_state(decompressed(read_bytes(path, MAX_BYTES), MAX_BYTES)))
    except BadArtifact as error:
        raise BadArtifact(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error


def _state(content: bytes) -> dict[str, object]:
    try:
        loaded = load(content, NAMES)
    except BadArtifact as error:
        if any(name in str(error) for name in CONTAINERS):
            raise BadArtifact(
                f"{error}. Dump its StandardScaler alone; if the ONNX file holds the whole pipeline, give "
                "--scaler none"
            ) from error
        raise
    if not isinstance(loaded, Instance) or loaded.name not in SCALERS:
        raise BadArtifact("it holds something other than a fitted StandardScaler")
    if not isinstance(loaded.state, dict):
        raise BadArtifact("it holds a StandardScaler without its state")
    return loaded.state


def _scaler(state: dict[str, object]) -> Scaler:
    for name in ("mean_", "scale_"):
        if name not in state:
            raise BadArtifact(f"it holds a StandardScaler that was never fitted ({name} is missing)")
    fitted = {name: _vector(state[name], name) for name in ("mean_", "scale_")}
    size = next((len(vector) for vector in fitted.values() if vector is not None), len(FEATURES))
    if any(vector is not None and len(vector) != len(FEATURES) for vector in fitted.values()):
        raise BadArtifact(
            f"it scales {size} features; the service has {len(FEATURES)}: {', '.join(FEATURES)}"
        )
    order, remark = FEATURES, ""
    names = _column_names(state.get("feature_names_in_"))
    if names:
        order, remark = order_of(names, "the scaler's columns")
    places = [order.index(name) for name in FEATURES]
    mean, scale = (None if vector is None else vector[places] for vector in fitted.values())
    for what, vector in (("mean", mean), ("scale", scale)):
        if vector is not None and not np.isfinite(vector).all():
            raise BadArtifact(f"the {what} of {_first_field(~np.isfinite(vector))} is not finite")
    if scale is not None and (scale <= 0).any():
        raise BadArtifact(f"the scale of {_first_field(scale <= 0)} is not above zero")
    if scale is not None and ((scale < MIN_SCALE) | (scale > MAX_SCALE)).any():
        odd = _first_field((scale < MIN_SCALE) | (scale > MAX_SCALE))
        raise BadArtifact(f"the scale of {odd} is {scale[FEATURES.index(odd)]:.3g}, which no weather has")
    remarks = [remark] if remark else []
    if mean is not None:
        remarks += check_means(mean, scale)
    centred = mean is not None and state.get("with_mean", True)
    divided = scale is not None and state.get("with_std", True)
    data_mean, data_scale = typical.MEAN if mean is None else mean, typical.SCALE if scale is None else scale
    return Scaler(
        data_mean if centred else np.zeros(len(FEATURES)),
        data_scale if divided else np.ones(len(FEATURES)),
        order,
        tuple(remarks),
        None if centred else data_mean,
        None if divided else data_scale,
    )


def _vector(value: object, what: str) -> NDArray[np.float64] | None:
    """float64[n] from an array as NumPy or joblib pickles it; None for None."""
    match value:
        case None:
            return None
        case Instance(state=(_, (int(count),), Instance() as dtype, bool(), data)) if _is_call(
            value, "_reconstruct"
        ):
            pass
        case Instance(args=(data, Instance() as dtype, (int(count),), str())) if _is_call(
            value, "_frombuffer"
        ):
            pass
        case Instance(state={"shape": (int(count),), "dtype": Instance() as dtype}, data=data):
            pass
        case Instance():
            raise BadArtifact(f"{what} is an array that is not a vector of numbers")
        case _:
            raise BadArtifact(f"{what} is not an array")
    numbers, kind = _bytes(data), _dtype(dtype)
    if numbers is None or kind is None:
        raise BadArtifact(f"{what} is an array that is not a vector of numbers")
    if count < 0 or len(numbers) != count * kind.itemsize:
        raise BadArtifact(f"{what} is an array of {count} values with {len(numbers)} bytes of data")
    return np.frombuffer(numbers, kind).astype(np.float64)


def _is_call(value: Instance, function: str) -> bool:
    return value.name.rpartition(".")[2] == function


def _dtype(value: Instance) -> np.dtype[Any] | None:
    match value:
        case Instance(name="numpy.dtype", args=("f8" | "f4" | "i8" | "i4" as code, *_)):
            order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "<"
            return np.dtype(f"{'>' if order == '>' else '<'}{code}")
    return None


def _bytes(value: object) -> bytes | None:
    """Bytes as the protocols write them: as bytes, as Latin-1 text, or as a call of a codec."""
    match value:
        case bytes() | bytearray():
            return bytes(value)
        case str() if value.isascii() or max(value) <= "\xff":  # pickled by Python 2
            return value.encode("latin-1")
        case Instance(name="_codecs.encode", args=(str(text), "latin1")) if max(text, default="") <= "\xff":
            return text.encode("latin-1")
    return None


def _column_names(value: object) -> Sequence[str]:
    """The names of the columns; empty if the scaler was fitted on an array without names."""
    while isinstance(value, Instance) and isinstance(value.data, Instance):
        value = value.data  # joblib pickles an array of objects separately
    match value:
        case Instance(state=(_, _, Instance(), bool(), list(names))) if _is_call(value, "_reconstruct"):
            return [str(name) if isinstance(name, str) else "?" for name in names]
    return ()


def _first_field(mask: NDArray[np.bool_]) -> str:
    return FEATURES[int(np.flatnonzero(mask)[0])]
