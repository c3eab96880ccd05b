"""What ONNX Runtime and converters do otherwise with trees than their libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.importing.graphs import OLD_SCALER, graph, pair, stump
from weather.importing.compiling.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.hints import Hints
from weather.importing.understanding.inputs import read_inputs
from weather.importing.understanding.trees import scaled_in_float32, with_standard_outputs
from weather.model.classifier import Classifier

BELOW, ABOVE = [0.7, 0.3], [0.2, 0.8]
"""Scores of the two classes where the first field is below zero, and where it is above."""
ROWS = np.array([[-1.0] * 7, [1.0] * 7], np.float32)


def both(base: list[float] | None = None, classes: Any = (0, 1), post: str = "NONE", **more: Any) -> bytes:
    """A tree of one node with weights for both classes."""
    words = isinstance(classes[0], str)
    attributes = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LT", "LEAF", "LEAF"],
        "nodes_values": [0.0, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "class_treeids": [0, 0, 0, 0],
        "class_nodeids": [1, 1, 2, 2],
        "class_ids": [0, 1, 0, 1],
        "class_weights": [*BELOW, *ABOVE],
        "classlabels_strings" if words else "classlabels_int64s": list(classes),
        "post_transform": post,
        **({} if base is None else {"base_values": base}),
        **more,
    }
    node = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", **attributes
    )
    kind = TensorProto.STRING if words else TensorProto.INT64
    return graph([node], [("label", kind, [None]), ("p", TensorProto.FLOAT, [None, 2])])


def run(model: onnx.ModelProto) -> tuple[list[Any], NDArray[Any]]:
    label, scores = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": ROWS})
    return label.tolist(), scores


@pytest.mark.parametrize("classes", [(0, 1), (1, 2), (-1, 1), ("dry", "wet")])
@pytest.mark.parametrize("post", ["NONE", "SOFTMAX"])
def test_the_label_is_that_of_the_higher_score(classes: Any, post: str) -> None:
    model = onnx.load_from_string(both(classes=classes, post=post))
    assert run(model)[0] != list(classes), "ONNX Runtime is right by now: this can go"
    label, scores = run(with_standard_outputs(model))
    assert label == list(classes)
    assert (scores == run(model)[1]).all()


def test_labels_of_the_higher_score_are_served() -> None:
    model = both(classes=("Rain", "No_Rain"))
    compiled = compile_pair(pair(model, hints=Hints(input_kind="scaled")))
    rain, probability = Classifier(compiled.model)(OLD_SCALER.mean + ROWS * OLD_SCALER.scale)
    assert rain.tolist() == [True, False]
    assert probability is not None
    np.testing.assert_allclose(probability, [0.7, 0.2], atol=1e-6)


def test_base_values_are_added_to_their_own_class() -> None:
    model = onnx.load_from_string(both([10.0, 10.4]))
    wanted = np.array([BELOW, ABOVE]) + np.array([10.0, 10.4])
    assert np.abs(run(model)[1] - wanted).max() > 1, "ONNX Runtime is right by now: this can go"
    label, scores = run(with_standard_outputs(model))
    np.testing.assert_allclose(scores, wanted, rtol=1e-6)
    assert label == [0, 1]


def test_base_values_that_no_tree_can_take_are_refused() -> None:
    weights: dict[str, Any] = {"class_treeids": [0] * 3, "class_nodeids": [1, 2, 2], "class_ids": [0, 0, 1]}
    model = onnx.load_from_string(both([1.0, 2.0], class_weights=[0.7, 0.2, 0.8], **weights))
    with pytest.raises(BadArtifact, match="convert it without them"):
        with_standard_outputs(model)


def test_trees_with_weights_for_one_class_are_left_alone() -> None:
    model = onnx.load_from_string(stump(0, 0.5))
    assert with_standard_outputs(model) is model


@pytest.mark.parametrize(
    ("before", "scaled"),
    [
        ([], False),
        ([helper.make_node("Concat", ["x"], ["z"], axis=1)], False),
        ([helper.make_node("Sub", ["x", "x"], ["z"])], True),
        ([helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Identity", ["y"], ["z"])], True),
    ],
)
@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_trees_behind_float32_sums_are_noticed(
    before: list[onnx.NodeProto], scaled: bool, element: int
) -> None:
    model = onnx.load_from_string(stump(0, 0.5, element))
    if before:
        model.graph.node[0].input[0] = "z"
        nodes = [*before, onnx.NodeProto.FromString(model.graph.node[0].SerializeToString())]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    assert scaled_in_float32(model, read_inputs(model)) == (scaled and element == TensorProto.FLOAT)
