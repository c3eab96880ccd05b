"""The fitted model as an ONNX graph: scaled rows in, label and probabilities out.

``float_input`` float32[n, features], scaled; ``label`` int64[n], 1 for the positive class;
``probabilities`` float32[n, 2]. The kernel is written as ``exp(2 g z.b - g |b|^2 - g |z|^2)``, two matrix
products, and the sigmoid is part of the product that follows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper

from weather.contract.names import SERVICE
from weather.contract.variables import FEATURES
from weather.training.fitting import Fitted


def to_onnx(model: Fitted, threshold: float) -> bytes:
    """The serialized graph of a model; the label is 1 if the probability is above ``threshold``."""
    kernels, svm = model.pipeline["kernels"], model.pipeline["svm"]
    basis, gamma = kernels.components_, model.gamma
    slope, offset = model.sigmoid
    weights = kernels.normalization_.T @ svm.coef_[0]
    constants: dict[str, Any] = {
        "mean": 0.0,
        "basis": 2 * gamma * basis.T,
        "basis_norm": -gamma * (basis**2).sum(axis=1),
        "ones": np.full((len(FEATURES), 1), -gamma),
        "weights": slope * weights[:, None] * [[-1, 1]],
        "offset": (slope * float(svm.intercept_[0]) + offset) * np.array([-1, 1]),
        "threshold": threshold,
    }
    nodes = [
        _node("IsNaN", "float_input", output="missing"),
        _node("Where", "missing", "mean", "float_input", output="known"),
        _node("Gemm", "known", "basis", "basis_norm", output="products"),
        _node("Mul", "known", "known", output="squares"),
        _node("MatMul", "squares", "ones", output="row_norm"),
        _node("Add", "products", "row_norm", output="exponents"),
        _node("Exp", "exponents", output="kernels"),
        _node("Gemm", "kernels", "weights", "offset", output="log_odds"),
        _node("Sigmoid", "log_odds", output="probabilities"),
        _node("Gather", "probabilities", "second", output="positive", axis=1),
        _node("Greater", "positive", "threshold", output="decision"),
        _node("Cast", "decision", output="label", to=TensorProto.INT64),
    ]
    initializers = [numpy_helper.from_array(np.asarray(v, np.float32), name) for name, v in constants.items()]
    info = helper.make_tensor_value_info
    onnx_model = helper.make_model(
        helper.make_graph(
            nodes,
            SERVICE,
            [info("float_input", TensorProto.FLOAT, [None, len(FEATURES)])],
            [info("label", TensorProto.INT64, [None]), info("probabilities", TensorProto.FLOAT, [None, 2])],
            [*initializers, numpy_helper.from_array(np.array(1, np.int64), "second")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    checker.check_model(onnx_model, full_check=True)
    return bytes(onnx_model.SerializeToString(deterministic=True))


def _node(kind: str, *inputs: str, output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, list(inputs), [output], **attributes)
