"""Writing a fitted model to files: pickled scaler, ONNX graph, manifest with golden rows."""

from __future__ import annotations

import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.manifest import Feature, GoldenRow, Manifest
from weather.contract.names import MANIFEST_FILE, MODEL_FILE, SCALER_FILE
from weather.contract.variables import FEATURES, LABELS, UNITS
from weather.importing.reading.files import sha256
from weather.training.fitting import FOLDS, Fitted
from weather.training.graph import to_onnx
from weather.training.samples import Samples
from weather.training.target import HORIZON_HOURS, NAME, OPTIONAL, THRESHOLD

PICKLE_PROTOCOL = 4
GOLDEN_ROWS = 12

UNCLEAR = 0.01
"""A row whose probability is nearer to the threshold is not golden: rounding on another machine could change
its decision."""


def golden_rows(model: Fitted, x: NDArray[np.float64]) -> list[GoldenRow]:
    """Complete rows of the data whose probabilities range from the lowest to the highest."""
    x = x[np.isfinite(x).all(axis=1)]
    p = model.probability(x)
    clear = np.flatnonzero(np.abs(p - THRESHOLD) > UNCLEAR)
    if not len(clear):
        return []
    ranked = clear[np.argsort(p[clear], kind="stable")]
    picked = ranked[np.linspace(0, len(ranked) - 1, GOLDEN_ROWS).round().astype(int)]
    return [
        GoldenRow(
            observation=dict(zip(FEATURES, x[i].tolist(), strict=True)),
            prediction=LABELS[bool(p[i] > THRESHOLD)],
            probability=round(float(p[i]), 6),
        )
        for i in dict.fromkeys(picked.tolist())
    ]


def write(out: Path, model: Fitted, data: Samples, metrics: dict[str, Any]) -> Manifest:
    """Write scaler, graph and manifest to ``out``, and return the manifest."""
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        SCALER_FILE: pickle.dumps(model.pipeline["scaler"], protocol=PICKLE_PROTOCOL),
        MODEL_FILE: to_onnx(model, THRESHOLD),
    }
    for name, content in contents.items():
        (out / name).write_bytes(content)
    manifest = Manifest(
        name=f"{'PLACEHOLDER, ' if data.placeholder else ''}{NAME}, {data.name}",
        horizon_hours=HORIZON_HOURS,
        threshold=THRESHOLD,
        features=[
            Feature(name=name, unit=UNITS[name], minimum=np.nanmin(column), maximum=np.nanmax(column))
            for name, column in zip(FEATURES, data.x.T, strict=True)
        ],
        optional=list(OPTIONAL),
        data={"name": data.name, "sha256": data.digest, "rows": len(data.x), "left_out": dict(data.left_out)},
        split={"folds": FOLDS, "rows": "shuffled, stratified by class"},
        hyperparameters={
            "gamma": model.gamma,
            "c": model.c,
            "vectors": len(model.pipeline["kernels"].components_),
        },
        metrics=metrics,
        sha256={name: sha256(content) for name, content in contents.items()},
        versions={name: version(name) for name in ("numpy", "onnx", "scikit-learn")},
        golden=golden_rows(model, data.x),
    )
    (out / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1) + "\n")
    return manifest
