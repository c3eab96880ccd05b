"""What the cases share: real observations, a scaler fitted on them, and writing a case into its folder."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.preprocessing import StandardScaler

from weather.training.samples import samples
from weather.training.sources import new_york_2013

OUT = Path(os.environ.get("CASES", "cases"))

SAMPLES = samples(new_york_2013(), 4)
_order = np.random.default_rng(13).permutation(len(SAMPLES))
X, Y = SAMPLES.x[_order[:3000]], SAMPLES.y[_order[:3000]].astype(int)
T = SAMPLES.x[_order[3000:5000]]
"""2,000 real hours that no model was fitted on."""

SCALER = StandardScaler().fit(X)
Z, TZ = SCALER.transform(X), SCALER.transform(T)
NAMES = (
    "temp_c",
    "humidity",
    "wind_speed_kmph",
    "wind_bearing_degree",
    "visibility_km",
    "pressure_millibars",
    "current_weather_condition",
)
INPUT = [("float_input", FloatTensorType([None, 7]))]


def save(
    name: str,
    model: Any,
    label: Any = None,
    probability: Any = None,
    *,
    scaler: Any = SCALER,
    dump: Callable[[Any, Path], object] | None = None,
    refused: str = "",
    remark: str = "",
    converter: str = "",
    tolerance: float = 1e-5,
    rows: Any = T,
    written: Any = None,
    otherwise: float = 0.002,
    **options: Any,
) -> None:
    """Write a case: files, rows, the library's own answers, and what is expected.

    ``refused`` is a pattern of the refusal, ``remark`` one of a line that import must print,
    ``converter`` one of the refusal by --check where the converter wrote another model than the library's;
    ``written`` are the probabilities of the ONNX file itself where it has trees whose thresholds it
    rounds, so that ``otherwise`` of the rows may take another branch; ``options`` are those of the
    command line.
    """
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    if scaler is None:
        options["scaler"] = "none"
    elif dump is None:
        (folder / "scaler.pkl").write_bytes(pickle.dumps(scaler))
    else:
        dump(scaler, folder / "scaler.pkl")
    if isinstance(model, bytes):
        (folder / "model.onnx").write_bytes(model)
    elif model is not None:
        (folder / "model.onnx").write_bytes(model.SerializeToString())
    np.save(folder / "x.npy", rows)
    for file, values in (("label", label), ("prob", probability), ("written", written)):
        if values is not None:
            np.save(folder / f"{file}.npy", np.asarray(values))
    expected = {
        "refused": refused,
        "remark": remark,
        "converter": converter,
        "tolerance": tolerance,
        "otherwise": otherwise,
        "options": options,
    }
    (folder / "case.json").write_text(json.dumps(expected, indent=1))


def written(model: Any, rows: Any) -> Any:
    """The probabilities that ONNX Runtime gives for float64[n, 7] rows, rounded to float32."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    scores = session.run(None, {session.get_inputs()[0].name: rows.astype(np.float32)})[1]
    return np.array([row[1] for row in scores])


def convert(model: Any, types: Any = None, options: Any = None, **more: Any) -> Any:
    """The model as ONNX, by skl2onnx."""
    return convert_sklearn(
        model, initial_types=types or INPUT, options={id(model): options} if options else None, **more
    )


def sk(
    name: str,
    model: Any,
    *,
    y: Any = Y,
    rain: object = 1,
    fit: Any = Z,
    ask: Any = TZ,
    types: Any = None,
    options: Any = None,
    probability: bool = True,
    target_opset: Any = None,
    **more: Any,
) -> Any:
    """A scikit-learn model behind the scaler: fitted, converted, asked."""
    model.fit(fit, y)
    chance = None
    if probability and hasattr(model, "predict_proba"):
        chance = model.predict_proba(ask)[:, list(model.classes_).index(rain)]
    onnx_model = convert(model, types, options, target_opset=target_opset)
    save(name, onnx_model, model.predict(ask) == rain, chance, **more)
    return model


def pipe(name: str, model: Any, **more: Any) -> Any:
    """The same with the scaler in a pipeline, and beside it."""
    return sk(name, model, fit=X, ask=T, **({"scaler": model[0]} | more))
