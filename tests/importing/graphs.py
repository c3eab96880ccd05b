"""Small ONNX graphs for the tests of importing, and the old system's scaler that goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests import old_system
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.hints import NO_HINTS, Hints
from weather.importing.reading.scaler import Scaler

OLD_SCALER = Scaler(old_system.MEAN, old_system.SCALE)


def pair(model: bytes, scaler: Scaler | None = OLD_SCALER, hints: Hints = NO_HINTS) -> Artifacts:
    return Artifacts(scaler, model, None, hints=hints)


def weather_rows(n: int = 2000) -> NDArray[np.float64]:
    return np.random.default_rng(5).normal(old_system.MEAN, old_system.SCALE, size=(n, 7))


def original(model: bytes, scaler: Scaler, rows: NDArray[np.float64]) -> list[NDArray[Any]]:
    """ONNX Runtime's answers of a model to scaled rows."""
    session = onnxruntime.InferenceSession(model)
    feed = {session.get_inputs()[0].name: scaler.transform(rows).astype(np.float32)}
    answers: list[NDArray[Any]] = session.run(None, feed)
    return answers


def graph(
    nodes: Sequence[onnx.NodeProto],
    outputs: Sequence[tuple[str, int, Any]],
    constants: dict[str, NDArray[Any]] | None = None,
    shape: Sequence[Any] = (None, 7),
    element: int = TensorProto.FLOAT,
) -> bytes:
    """A model whose input is x."""
    built = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", element, list(shape))],
        [helper.make_tensor_value_info(*output) for output in outputs],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(built, opset_imports=opsets, ir_version=8).SerializeToString())


def stump(field: int, threshold: float, element: int = TensorProto.FLOAT) -> bytes:
    """A tree of one node, as XGBoost writes it: rain where the field is not below the threshold."""
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[field, 0, 0],
        nodes_modes=["BRANCH_LT", "LEAF", "LEAF"],
        nodes_values=[threshold, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        class_treeids=[0, 0],
        class_nodeids=[1, 2],
        class_ids=[0, 0],
        class_weights=[0.1, 0.8],
        classlabels_int64s=[0, 1],
        post_transform="NONE",
    )
    outputs: list[tuple[str, int, list[Any]]] = [
        ("label", TensorProto.INT64, [None]),
        ("scores", TensorProto.FLOAT, [None, 2]),
    ]
    return graph([node], outputs, element=element)
