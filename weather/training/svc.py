"""An RBF support-vector classifier of scikit-learn as ``svc.onnx``: for models that were made elsewhere.

``docs/bring-your-own-model.md`` uses it; training here writes ``graph.py``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.preprocessing import StandardScaler

from weather.contract.variables import FEATURES
from weather.training.calibration import Sigmoid


@dataclass(frozen=True)
class SvcModel:
    """A fitted scaler, an SVC fitted behind it, the sigmoid of its decision value, the threshold."""

    scaler: StandardScaler
    classifier: Any
    sigmoid: Sigmoid
    threshold: float

    def probability(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]: the calibrated chance of rain of raw observations float64[n, 7]."""
        return self.sigmoid(self.classifier.decision_function(self.scaler.transform(x)))


def to_onnx(model: SvcModel) -> bytes:
    """float32[n, 7] scaled rows -> ``label`` int64[n], ``probabilities`` float32[n, 2].

    Drop-in for the old FastAPI app, which reads the first output and takes > 0.5 for rain: the
    label is the decision at the model's own threshold.

    Raises:
        ValueError: the classifier's kernel is not RBF, or its gamma is not a number.
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
    # The second score is the decision value.
    sigmoid = [
        helper.make_node("Gemm", ["svm_scores", "slopes", "offsets"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
        helper.make_node("Gather", ["probabilities", "rain_column"], ["rain"], axis=1),
        helper.make_node("Greater", ["rain", "threshold"], ["decision"]),
        helper.make_node("Cast", ["decision"], ["label"], to=TensorProto.INT64),
    ]
    slope, offset = model.sigmoid.slope, model.sigmoid.offset
    slopes = np.array([[0, 0], [-slope, slope]], np.float32)
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
            numpy_helper.from_array(np.array([-offset, offset], np.float32), "offsets"),
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
