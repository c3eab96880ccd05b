"""A fitted model as files: pickle, ONNX, manifest with golden rows."""

from __future__ import annotations

import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from weather.contract.manifest import Feature, GoldenRow, Manifest
from weather.contract.names import MANIFEST_FILE, MODEL_FILE, SCALER_FILE
from weather.contract.variables import FEATURES, LABELS, LIMITS, UNITS
from weather.importing.files import sha256
from weather.training.fitting import Model
from weather.training.observations import Samples

PICKLE_PROTOCOL = 4


def to_onnx(model: Model) -> bytes:
    """float32[n, 7] scaled rows -> ``label`` int64[n], ``probabilities`` float32[n, 2].

    Drop-in for the old FastAPI app, which reads the first output and takes > 0.5 for rain: the
    label is the decision at the model's own threshold.

    Raises:
        ValueError: the classifier's kernel is not RBF, or its gamma is no number.
    """
    svc = model.classifier
    if svc.kernel != "rbf" or isinstance(svc.gamma, str):
        raise ValueError(
            f"an SVC with kernel {svc.kernel!r} and gamma {svc.gamma!r} can't be written: "
            "give kernel 'rbf' and gamma a number"
        )
    count = len(svc.support_)
    node = helper.make_node(
        "SVMClassifier",
        ["float_input"],
        ["svm_label", "svm_scores"],
        domain="ai.onnx.ml",
        classlabels_ints=[0, 1],
        coefficients=svc.dual_coef_.ravel().tolist(),
        kernel_params=[float(svc.gamma), 0.0, 0.0],
        kernel_type="RBF",
        post_transform="NONE",
        rho=svc.intercept_.tolist(),
        support_vectors=svc.support_vectors_.ravel().tolist(),
        vectors_per_class=svc.n_support_.tolist(),
    )
    # The second score is the decision value f; 1 / (1 + exp(a f + b)) = Sigmoid(-a f - b).
    sigmoid = [
        helper.make_node("Gemm", ["svm_scores", "slopes", "offsets"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
        helper.make_node("Gather", ["probabilities", "rain_column"], ["rain"], axis=1),
        helper.make_node("Greater", ["rain", "threshold"], ["decision"]),
        helper.make_node("Cast", ["decision"], ["label"], to=TensorProto.INT64),
    ]
    slopes = np.array([[0, 0], [model.a, -model.a]], np.float32)
    graph = helper.make_graph(
        [node, *sigmoid],
        "rain_forecast",
        [helper.make_tensor_value_info("float_input", TensorProto.FLOAT, [None, len(FEATURES)])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        [
            numpy_helper.from_array(slopes, "slopes"),
            numpy_helper.from_array(np.array([model.b, -model.b], np.float32), "offsets"),
            numpy_helper.from_array(np.array(1, np.int64), "rain_column"),
            numpy_helper.from_array(np.array(model.threshold, np.float32), "threshold"),
        ],
    )
    onnx_model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)],
        ir_version=8,
        producer_name="rain-forecast",
        doc_string=f"RBF SVC with {count} support vectors, sigmoid calibration, threshold",
    )
    checker.check_model(onnx_model)
    return bytes(onnx_model.SerializeToString(deterministic=True))


def golden_rows(model: Model, test: Samples, wanted: int = 12) -> list[GoldenRow]:
    """Real hours from the test blocks whose probabilities spread from the lowest to the highest.

    Values are rounded to what a client would send; rows within 0.01 of the threshold are left
    out, so that no rounding can turn their decision.
    """
    decimals = [2, 4, 2, 0, 2, 1, 0]
    x = np.stack([test.x[:, i].round(d) for i, d in enumerate(decimals)], axis=1)
    for i, name in enumerate(FEATURES):
        x[:, i] = x[:, i].clip(*LIMITS[name])
    p = model.probability(x)
    clear = np.flatnonzero(np.abs(p - model.threshold) > 0.01)
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


def write(out: Path, model: Model, seen: Samples, golden: list[GoldenRow], facts: dict[str, Any]) -> Manifest:
    """Write the three files; ``facts`` are the manifest's fields that are not derived here."""
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        SCALER_FILE: pickle.dumps(model.scaler, protocol=PICKLE_PROTOCOL),
        MODEL_FILE: to_onnx(model),
    }
    for name, content in contents.items():
        (out / name).write_bytes(content)
    manifest = Manifest(
        threshold=model.threshold,
        features=[
            Feature(
                name=name,
                unit=UNITS[name],
                minimum=round(float(seen.x[:, i].min()), 4),
                maximum=round(float(seen.x[:, i].max()), 4),
            )
            for i, name in enumerate(FEATURES)
        ],
        sha256={name: sha256(content) for name, content in contents.items()},
        versions={name: version(name) for name in ("numpy", "onnx", "pandas", "scikit-learn", "scipy")},
        golden=golden,
        **facts,
    )
    (out / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1) + "\n")
    return manifest
