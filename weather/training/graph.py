"""The trained model as an ONNX graph: scaled rows in, label and probabilities out.

The interface is the old system's: ``float_input`` float32[n, 7], scaled; ``label`` int64[n] first, above
0.5 for rain; ``probabilities`` float32[n, 2]. Behind it lie the features, the kernels, the calibration
and the threshold of ``features.py`` and ``fitting.py``. Small batches cost what the nodes cost, about
0.3 us each, so several steps share one node; the constants below say how.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper
from sklearn.preprocessing import StandardScaler

from weather.contract.variables import FEATURES
from weather.training.features import (
    BEARING,
    CRITICAL_HUMIDITY,
    EXCESS,
    PREDICTORS,
    RAMPS,
    SIGHT,
    SPEED,
    VISIBILITY,
    Features,
)
from weather.training.fitting import EDGE, Classifier, Model

Floats = NDArray[np.float64]

ESTIMATE, EAST, NORTH, COLUMNS = 7, 8, 9, 10
"""The columns after those of RAMPS: the estimate of a missing visibility and the wind as a vector."""

FAR = 64.0
"""A missing visibility is put so many training ranges below the range: far enough for the estimate, at
most a few ranges, to be below 0 wherever the visibility is known, near enough for float32."""


def to_onnx(model: Model) -> bytes:
    """The graph of a model; see the module for inputs and outputs."""
    graph = _Graph()
    known = graph.complete("float_input", model.classifier.features, model.scaler)
    columns = graph.columns(known, model.classifier.features, model.scaler)
    decision = graph.decision(columns, model.classifier)
    graph.outputs(decision, model)
    info = helper.make_tensor_value_info
    onnx_model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "rain_forecast",
            [info("float_input", TensorProto.FLOAT, [None, len(FEATURES)])],
            [info("label", TensorProto.INT64, [None]), info("probabilities", TensorProto.FLOAT, [None, 2])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="rain-forecast",
        doc_string=f"squared-hinge SVM on {len(model.classifier.basis)} basis hours, calibrated",
    )
    checker.check_model(onnx_model, full_check=True)
    return bytes(onnx_model.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and constants as they are added."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: object, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def complete(self, rows: str, features: Features, scaler: StandardScaler) -> str:
        """Put a number for a missing visibility that ``columns`` knows; NaN elsewhere stays NaN."""
        instead = np.full(len(FEATURES), np.nan)
        far = features.low[SIGHT] - FAR * _ranges(features)[SIGHT]
        instead[VISIBILITY] = (far - scaler.mean_[VISIBILITY]) / scaler.scale_[VISIBILITY]
        missing = self.node("IsNaN", [rows], "missing")
        return self.node("Where", [missing, self.constant("far", instead), rows], "known")

    def columns(self, rows: str, features: Features, scaler: StandardScaler) -> str:
        """float32[n, 10]: the features on a scale where 0 and 1 are the ends of their training range.

        The estimate is 0 where the visibility is known, and the visibility is 0 where it is not, so
        that their sum is the feature. Each column is multiplied by a sine: of the bearing and of the
        bearing + 90 degrees for the wind, of 90 degrees for the rest.
        """
        ranges = _ranges(features)
        weights, bias = np.zeros((len(FEATURES), COLUMNS)), np.zeros(COLUMNS)
        for column, field in enumerate(RAMPS):
            if ranges[column] > 0:
                weights[field, column] = 1 / ranges[column]
                bias[column] = -features.low[column] / ranges[column]
        bias[EXCESS] -= CRITICAL_HUMIDITY * weights[RAMPS[EXCESS], EXCESS]
        weights[:, EAST] = weights[:, NORTH] = weights[:, SPEED]
        if ranges[SIGHT] > 0:
            weights[PREDICTORS, ESTIMATE] = features.slopes / ranges[SIGHT]
            weights[VISIBILITY, ESTIMATE] = -1 / ranges[SIGHT]
            bias[ESTIMATE] = features.intercept / ranges[SIGHT] - FAR
        angles, turns = np.zeros((len(FEATURES), COLUMNS)), np.full(COLUMNS, np.pi / 2)
        angles[BEARING, [EAST, NORTH]] = np.pi / 180
        turns[EAST] = 0.0
        ramps = self.affine(rows, "ramps", weights, bias, scaler)
        cut = self.node("Clip", [ramps, self.constant("zero", 0.0), self.constant("one", 1.0)], "cut")
        sines = self.node("Sin", [self.affine(rows, "angles", angles, turns, scaler)], "sines")
        return self.node("Mul", [cut, sines], "columns")

    def affine(self, rows: str, output: str, weights: Floats, bias: Floats, scaler: StandardScaler) -> str:
        """``observations @ weights + bias``, of scaled rows."""
        scaled = self.constant(f"{output}/weights", scaler.scale_[:, None] * weights)
        return self.node(
            "Gemm", [rows, scaled, self.constant(f"{output}/bias", bias + scaler.mean_ @ weights)], output
        )

    def decision(self, columns: str, classifier: Classifier) -> str:
        """float32[n]: f, with -gamma |z - s|^2 as one product with the columns and their squares.

        A last kernel is 1 for every row: its weight is the intercept.
        """
        features, gamma = classifier.features, classifier.parameters.gamma
        ranges = _ranges(features)
        origin = np.append(features.low, [0.0, 0.0])
        scale = np.append(ranges, [ranges[SPEED]] * 2) / features.std  # of a column, in standard deviations
        basis = classifier.basis - (origin - features.mean) / features.std  # as seen from the columns' zero
        order = [
            *range(len(RAMPS)),
            SIGHT,
            *range(len(RAMPS), basis.shape[1]),
        ]  # the estimate is a visibility
        scale, basis = scale[order], basis[:, order]
        linear = 2 * gamma * (scale * basis).T
        squares = np.repeat(-gamma * scale[:, None] ** 2, len(basis), axis=1)
        constant = -gamma * (np.delete(basis, ESTIMATE, axis=1) ** 2).sum(axis=1)
        weights = np.pad(np.concatenate([linear, squares]), ((0, 0), (0, 1)))
        square = self.node("Mul", [columns, columns], "squares")
        both = self.node("Concat", [columns, square], "both", axis=1)
        exponents = self.node(
            "Gemm",
            [both, self.constant("basis", weights), self.constant("norms", np.append(constant, 0.0))],
            "exponents",
        )
        coefficients = self.constant("coefficients", np.append(classifier.weights, classifier.intercept))
        return self.node("MatMul", [self.node("Exp", [exponents], "kernels"), coefficients], "decision")

    def outputs(self, decision: str, model: Model) -> None:
        """Calibration, threshold, and the two outputs."""
        edges = [self.constant("edge/low", -EDGE), self.constant("edge/high", EDGE)]
        half = self.node("Atanh", [self.node("Clip", [decision, *edges], "bounded")], "half_log_odds")
        sloped = self.node("Mul", [half, self.constant("slope", 2 * model.sigmoid.slope)], "sloped")
        log_odds = self.node("Add", [sloped, self.constant("offset", model.sigmoid.offset)], "log_odds")
        rain = self.node("Sigmoid", [log_odds], "rain")
        above = self.node("Greater", [rain, self.constant("threshold", model.threshold)], "above")
        self.node("Cast", [above], "label", to=TensorProto.INT64)
        axis = self.constant("axis", [1], np.int64)
        dry = self.node("Sub", ["one", rain], "dry")
        columns = [self.node("Unsqueeze", [name, axis], f"{name}/column") for name in (dry, rain)]
        self.node("Concat", columns, "probabilities", axis=1)


def _ranges(features: Features) -> Floats:
    return features.high - features.low
