"""A fitted model as files: pickled scaler, ONNX graph, manifest with golden rows."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from weather.contract.manifest import Feature, GoldenRow, Manifest
from weather.contract.names import MANIFEST_FILE, MODEL_FILE, SCALER_FILE
from weather.contract.variables import FEATURES, LABELS, LIMITS, UNITS
from weather.importing.reading.files import sha256
from weather.training.features import VISIBILITY
from weather.training.samples import Samples

PICKLE_PROTOCOL = 4

GOLDEN_ROWS = 12

DECIMALS = (2, 4, 2, 0, 2, 1, 0)
"""Decimal places of each feature in a golden row, as a client would send them."""

UNCLEAR = 0.01
"""Smallest distance of a golden row's probability to the threshold, so that the rounding of another machine
can't change its decision."""


class Exportable(Protocol):
    """What is written: ``fitting.Model`` or ``svc.SvcModel``."""

    @property
    def scaler(self) -> StandardScaler: ...
    @property
    def threshold(self) -> float: ...
    def probability(self, x: NDArray[np.float64]) -> NDArray[np.float64]: ...


def golden_rows(model: Exportable, test: Samples, wanted: int = GOLDEN_ROWS) -> list[GoldenRow]:
    """Real hours of the test fold whose probabilities spread from the lowest to the highest."""
    x = np.column_stack([test.x[:, i].round(decimals) for i, decimals in enumerate(DECIMALS)])
    if np.isnan(x[:, VISIBILITY]).all():
        x[:, VISIBILITY] = 10.0  # the model was made without it, so any value gives the same answer
    x = x[np.isfinite(x).all(axis=1)].clip(*np.array([LIMITS[name] for name in FEATURES]).T)
    p = model.probability(x)
    clear = np.flatnonzero(np.abs(p - model.threshold) > UNCLEAR)
    if not len(clear):
        return []
    ranked = clear[np.argsort(p[clear], kind="stable")]
    picked = ranked[np.linspace(0, len(ranked) - 1, wanted).round().astype(int)]
    return [
        GoldenRow(
            observation=dict(zip(FEATURES, x[i].tolist(), strict=True)),
            prediction=LABELS[bool(p[i] > model.threshold)],
            probability=round(float(p[i]), 6),
        )
        for i in dict.fromkeys(picked.tolist())
    ]


def write(
    out: Path,
    model: Exportable,
    onnx_model: bytes,
    seen: Samples,
    golden: list[GoldenRow],
    facts: Mapping[str, Any],
) -> Manifest:
    """Write the three files to ``out``; ``facts`` are the manifest's fields that are not made here."""
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        SCALER_FILE: pickle.dumps(model.scaler, protocol=PICKLE_PROTOCOL),
        MODEL_FILE: onnx_model,
    }
    for name, content in contents.items():
        (out / name).write_bytes(content)
    manifest = Manifest(
        threshold=model.threshold,
        features=_ranges(seen),
        sha256={name: sha256(content) for name, content in contents.items()},
        versions={name: version(name) for name in ("numpy", "onnx", "pandas", "scikit-learn", "scipy")},
        golden=golden,
        **facts,
    )
    (out / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1) + "\n")
    return manifest


def _ranges(seen: Samples) -> list[Feature]:
    """The training range of each feature that was measured at all."""
    return [
        Feature(
            name=name,
            unit=UNITS[name],
            minimum=round(float(values.min()), 4),
            maximum=round(float(values.max()), 4),
        )
        for name, column in zip(FEATURES, seen.x.T, strict=True)
        if len(values := column[np.isfinite(column)])
    ]
