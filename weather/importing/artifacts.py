"""The files between training and serving: scaler, ONNX classifier, manifest.

``model-scaler.pkl`` and ``svc.onnx`` keep the old system's form. The manifest beside them is
ours and optional: foreign artifacts import without it.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from weather.contract.manifest import Manifest
from weather.contract.names import MANIFEST_FILE
from weather.contract.variables import FEATURES
from weather.importing.card_files import NO_CARD, Card, read_card

LARGEST_PICKLE = 1 << 20
LARGEST_MODEL = 64 << 20

ARRAY_ITEMS = 4096
SCALER_CLASSES = {
    ("sklearn.preprocessing._data", "StandardScaler"),
    ("sklearn.preprocessing.data", "StandardScaler"),
}
OPCODES = frozenset(
    [
        "PROTO",
        "FRAME",
        "STOP",
        "MARK",
        "POP",
        "NONE",
        "NEWTRUE",
        "NEWFALSE",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINFLOAT",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BYTEARRAY8",
        "EMPTY_DICT",
        "EMPTY_LIST",
        "EMPTY_TUPLE",
        "APPEND",
        "APPENDS",
        "SETITEM",
        "SETITEMS",
        "TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
        "BINGET",
        "LONG_BINGET",
        "BINPUT",
        "LONG_BINPUT",
        "MEMOIZE",
        "GLOBAL",
        "STACK_GLOBAL",
        "NEWOBJ",
        "REDUCE",
        "BUILD",
    ]
)
"""What scikit-learn's pickles of protocols 2 to 5 are made of, and no more."""


class BadArtifact(ValueError):
    """A file can't be used as an artifact; the message says which, and why."""


@dataclass(frozen=True)
class Scaler:
    """``(x - mean) / scale``; both float64[7], finite, the scale not zero."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def transform(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """float64[n, 7] standardised rows."""
        return np.asarray((np.asarray(x, np.float64) - self.mean) / self.scale)

    def to_json(self) -> str:
        """The safe form kept in the model store; floats round-trip exactly."""
        return json.dumps(
            {"features": FEATURES, "mean": self.mean.tolist(), "scale": self.scale.tolist()}, indent=1
        )

    @staticmethod
    def from_json(text: str) -> Scaler:
        """The inverse of ``to_json``."""
        state = json.loads(text)
        return Scaler(np.array(state["mean"]), np.array(state["scale"]))


@dataclass(frozen=True)
class Artifacts:
    """A scaler and a classifier that belong together, read and checked as far as files go."""

    scaler: Scaler
    model: bytes
    manifest: Manifest | None
    card: Card = NO_CARD


def read(scaler: Path, model: Path) -> Artifacts:
    """Read a pair of files, with the manifest and the card that lie beside the model if they are
    about both.

    Raises:
        BadArtifact: a file is missing, truncated, too large, dangerous or not what it should be,
            or the manifest's SHA-256 of a file is not that of the file.
    """
    manifest = None
    beside = model.parent / MANIFEST_FILE
    if beside.exists() and scaler.parent == model.parent:
        try:
            manifest = Manifest.model_validate_json(beside.read_bytes())
        except ValidationError as error:
            raise BadArtifact(f"{beside} is not a manifest: {error.errors()[0]['msg']}") from error
        for path in (scaler, model):
            known = manifest.sha256.get(path.name)
            if known != sha256(_bytes(path, LARGEST_MODEL)):
                raise BadArtifact(
                    f"{path} is not the file that {beside} describes (SHA-256 differs); "
                    "train again, or remove the manifest to import the files without it"
                )
    content = _bytes(model, LARGEST_MODEL)
    card = read_card(model.parent, [sha256(_bytes(scaler, LARGEST_PICKLE)), sha256(content)])
    return Artifacts(read_scaler(scaler), content, manifest, card)


def read_scaler(path: Path) -> Scaler:
    """A fitted StandardScaler from its pickle, without running anything that the pickle names.

    Needs no scikit-learn: the pickle is read by an unpickler that puts inert stand-ins for
    StandardScaler and for numpy's array constructors, and refuses every other name.

    Raises:
        BadArtifact: truncated, too large, foreign code, not a StandardScaler, not seven features,
            or a mean or scale that is not finite or zero.
    """
    state = _inert_state(path)
    for name in ("mean_", "scale_"):
        if name not in state:
            raise BadArtifact(f"{path} holds a StandardScaler that was never fitted ({name} is missing)")
    mean = _vector(state["mean_"], f"{path}: mean_") if state.get("with_mean", True) else None
    scale = _vector(state["scale_"], f"{path}: scale_") if state.get("with_std", True) else None
    size = next((len(v) for v in (mean, scale) if v is not None), len(FEATURES))
    mean = np.zeros(size) if mean is None else mean
    scale = np.ones(size) if scale is None else scale
    if len(mean) != len(FEATURES) or len(scale) != len(FEATURES):
        raise BadArtifact(
            f"{path} scales {len(mean)} features; the service has {len(FEATURES)}: {', '.join(FEATURES)}"
        )
    for name, value in (("mean", mean), ("scale", scale)):
        if not np.isfinite(value).all():
            raise BadArtifact(f"{path}: the {name} of {FEATURES[_first(~np.isfinite(value))]} is not finite")
    if (scale <= 0).any():
        raise BadArtifact(f"{path}: the scale of {FEATURES[_first(scale <= 0)]} is not above zero")
    return Scaler(mean, scale)


def sha256(content: bytes) -> str:
    """The hex digest."""
    return hashlib.sha256(content).hexdigest()


class _Inert:
    """Stands in for a class in the pickle: keeps what it is given and does nothing."""

    args: tuple[object, ...] = ()
    state: object = None

    def __init__(self, *args: object) -> None:
        self.args = args

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Scaler(_Inert):
    pass


class _Dtype(_Inert):
    def numpy(self) -> np.dtype[Any]:
        if not self.args or self.args[0] not in ("f8", "f4", "i8", "i4"):
            raise BadArtifact(f"an array of type {self.args[:1]} where numbers were expected")
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "<"
        return np.dtype(f"{order if order in ('<', '>') else '<'}{self.args[0]}")


class _Array(_Inert):
    """An ndarray pickled through ``_reconstruct`` and its state (protocols up to 4)."""

    def numpy(self) -> NDArray[np.float64]:
        match self.state:
            case (_, (int(n),), _Dtype() as dtype, bool(), bytes(data)):
                return _numbers(data, dtype, n)
        raise BadArtifact("an array whose pickled state is not that of a vector of numbers")


class _Buffer(_Inert):
    """An ndarray pickled through ``_frombuffer`` (protocol 5)."""

    def numpy(self) -> NDArray[np.float64]:
        match self.args:
            case (bytes() | bytearray() as data, _Dtype() as dtype, (int(n),), str()):
                return _numbers(bytes(data), dtype, n)
        raise BadArtifact("an array whose pickled state is not that of a vector of numbers")


def _numbers(data: bytes, dtype: _Dtype, n: int) -> NDArray[np.float64]:
    kind = dtype.numpy()
    if not 0 <= n <= ARRAY_ITEMS or len(data) != n * kind.itemsize:
        raise BadArtifact(f"an array that says {n} values and holds {len(data)} bytes")
    return np.frombuffer(data, kind).astype(np.float64)


def _encode(text: object, encoding: object) -> bytes:
    """Protocol 2 writes bytes as latin-1 text and names ``_codecs.encode`` to get them back."""
    if not isinstance(text, str) or encoding != "latin1":
        raise BadArtifact("text where an array's bytes were expected")
    return text.encode("latin-1")


KNOWN_NAMES: dict[tuple[str, str], Callable[..., object]] = {
    **dict.fromkeys(SCALER_CLASSES, _Scaler),
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _Inert),
            ("numeric", "_frombuffer", _Buffer),
        )
    },
    ("numpy", "ndarray"): _Inert,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
}


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return KNOWN_NAMES[module, name]
        except KeyError:
            raise BadArtifact(
                f"the pickle names {module}.{name}, which a StandardScaler does not need; "
                "nothing of it was run"
            ) from None


def _inert_state(path: Path) -> dict[str, object]:
    content = _bytes(path, LARGEST_PICKLE)
    try:
        # The opcodes are looked at first: a memo index of 2**31 or an INT of a million digits
        # costs the C unpickler gigabytes or minutes before it fails.
        for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
            if opcode.name not in OPCODES:
                raise BadArtifact(f"{path} uses {opcode.name}, which no pickled StandardScaler does")
            if opcode.name.endswith("BINPUT") and int(argument) > count:  # type: ignore[arg-type]
                raise BadArtifact(f"{path} is not a sound pickle (memo index {argument})")
        loaded = _InertUnpickler(io.BytesIO(content)).load()
    except BadArtifact as error:
        raise BadArtifact(f"{path}: {error}" if str(path) not in str(error) else str(error)) from None
    except Exception as error:  # a broken pickle can raise almost anything; all mean the same here
        raise BadArtifact(f"{path} is truncated or not a pickle ({error})") from error
    if not isinstance(loaded, _Scaler) or not isinstance(loaded.state, dict):
        raise BadArtifact(f"{path} holds something other than a fitted StandardScaler")
    names = loaded.state.get("feature_names_in_")
    if isinstance(names, _Array) and isinstance(names.state, tuple) and isinstance(names.state[-1], list):
        given = [str(n) for n in names.state[-1]]
        if set(given) == set(FEATURES) and given != list(FEATURES):
            raise BadArtifact(f"{path} was fitted on the columns in another order: {', '.join(given)}")
    return loaded.state


def _vector(value: object, what: str) -> NDArray[np.float64] | None:
    if value is None:
        return None
    if not isinstance(value, (_Array, _Buffer)):
        raise BadArtifact(f"{what} is not an array")
    try:
        return value.numpy()
    except BadArtifact as error:
        raise BadArtifact(f"{what} is {error}") from None


def _first(mask: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(mask)[0])


def _bytes(path: Path, largest: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > largest:
            raise BadArtifact(f"{path} has {size:,} bytes; at most {largest:,} are read")
        content = path.read_bytes()
    except OSError as error:
        raise BadArtifact(f"{path} can't be read: {error.strerror}") from error
    if not content:
        raise BadArtifact(f"{path} is empty")
    return content
