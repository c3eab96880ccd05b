"""Artifacts of the old system's shape, built without scikit-learn 0.20 (a named test double).

The pickle is protocol 3 and names ``sklearn.preprocessing.data``, a module that no longer exists:
a stub stands in for it while pickling. The ONNX file has opset ``ai.onnx.ml`` 1 only and one RBF
``SVMClassifier`` whose scores are raw.
"""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from weather.contract.variables import FEATURES

MEAN = np.array([12.0, 0.73, 10.8, 187.5, 10.3, 1003.2, 0.12])
SCALE = np.array([9.5, 0.19, 6.9, 107.4, 4.2, 117.0, 0.33])
VECTORS = 300


def scaler_pickle() -> bytes:
    module = types.ModuleType("sklearn.preprocessing.data")
    scaler_class = type("StandardScaler", (), {"__module__": module.__name__})
    module.StandardScaler = scaler_class  # type: ignore[attr-defined]
    scaler = scaler_class()
    scaler.__dict__.update(
        with_mean=True,
        with_std=True,
        copy=True,
        n_samples_seen_=np.int64(96_453),
        mean_=MEAN,
        var_=SCALE**2,
        scale_=SCALE,
    )
    sys.modules[module.__name__] = module
    try:
        content = pickle.dumps(scaler, protocol=3)
    finally:
        del sys.modules[module.__name__]
    return content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def svm(
    kernel: str = "RBF",
    probabilities: bool = False,
    vectors: int = VECTORS,
    offset: float = 0.0,
    post_transform: str = "NONE",
    features: int = len(FEATURES),
) -> bytes:
    rng = np.random.default_rng(11)
    support = rng.normal(offset, 1, size=(vectors, features)).astype(np.float32)
    half = vectors // 2
    coefficients = np.concatenate([-rng.random(half), rng.random(vectors - half)])
    node = helper.make_node(
        "SVMClassifier",
        ["float_input"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        classlabels_ints=[0, 1],
        coefficients=coefficients.tolist(),
        kernel_params=[0.14, 0.0, 3.0],
        kernel_type=kernel,
        post_transform=post_transform,
        rho=[0.05],
        support_vectors=support.ravel().tolist(),
        vectors_per_class=[half, vectors - half],
    )
    if probabilities:
        node.attribute.extend(
            [helper.make_attribute("prob_a", [-1.7]), helper.make_attribute("prob_b", [0.2])]
        )
    graph = helper.make_graph(
        [node],
        "old",
        [helper.make_tensor_value_info("float_input", TensorProto.FLOAT, [None, features])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 1)], ir_version=3)
    return bytes(model.SerializeToString())


def write(folder: Path) -> tuple[Path, Path]:
    """The pair as files."""
    scaler, model = folder / "model-scaler.pkl", folder / "svc.onnx"
    scaler.write_bytes(scaler_pickle())
    model.write_bytes(svm())
    return scaler, model
