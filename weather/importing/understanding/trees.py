"""Corrects differences between tree libraries and their ONNX form in converters and ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from weather.importing.errors import BadArtifact
from weather.importing.understanding.inputs import Inputs


def with_float32_trees(model: onnx.ModelProto, inputs: Inputs) -> onnx.ModelProto | None:
    """The model with the inputs of its trees cast to float32; None if they are float32 already.

    scikit-learn's trees compare float32 values with thresholds between them. For float64 input, skl2onnx
    passes float64 values to the trees but writes float32 thresholds: 79 of 2,000 real rows then took
    another branch in some tree (a forest of 20 trees).
    """
    if inputs.element != TensorProto.DOUBLE or not any(map(_float32, model.graph.node)):
        return None
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    nodes = []
    for node in changed.graph.node:
        if _float32(node):
            rounded = f"{node.output[0]}/float32"
            nodes.append(helper.make_node("Cast", [node.input[0]], [rounded], to=TensorProto.FLOAT))
            node.input[0] = rounded
        nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


DATA_MOVEMENT_OPS = frozenset(
    {"Identity", "Cast", "Concat", "FeatureVectorizer", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}
    | {"Slice", "Gather", "Transpose", "Split", "ArrayFeatureExtractor", "Constant"}
)
"""Operations that move values without computing."""


def with_standard_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with labels and scores as ONNX defines them, if its trees have weights for both classes.

    CatBoost writes such trees, and XGBoost for ``multi:softprob``. For these, ONNX Runtime 1.32 returns the
    second class wherever its score before the transformation is above zero, and returns 1 or 0 for any
    integer classes. The label is therefore looked up by the higher score. It also adds base values wrongly,
    so they are moved into the leaves of one tree.

    Raises:
        BadArtifact: no tree has a weight for a class in each of its leaves.
    """
    if not any(map(_both_classes, model.graph.node)):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    nodes = []
    for node in changed.graph.node:
        classes = _both_classes(node)
        nodes.append(node)
        if classes:
            _move_base_values(node)
            label, scores = node.output[0], node.output[1]
            node.output[0] = f"{label}/unused"
            named = helper.make_tensor(f"{label}/classes", classes[0], [2], classes[1])
            changed.graph.initializer.append(named)
            place = f"{label}/place"
            nodes.append(helper.make_node("ArgMax", [scores], [place], axis=1, keepdims=0))
            nodes.append(helper.make_node("Gather", [named.name, place], [label]))
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


def _both_classes(node: onnx.NodeProto) -> tuple[int, list[Any]] | None:
    """ONNX type and values of the two classes of a node of trees with weights for both; else None."""
    if node.op_type != "TreeEnsembleClassifier" or len(node.output) != 2 or not all(node.output):
        return None
    named = {attribute.name: attribute for attribute in node.attribute}
    if "class_ids" not in named or set(named["class_ids"].ints) != {0, 1}:
        return None
    if "classlabels_strings" in named:
        classes: tuple[int, list[Any]] = (TensorProto.STRING, list(named["classlabels_strings"].strings))
    elif "classlabels_int64s" in named:
        classes = (TensorProto.INT64, list(named["classlabels_int64s"].ints))
    else:
        return None
    return classes if len(classes[1]) == 2 else None


def _move_base_values(node: onnx.NodeProto) -> None:
    named = {attribute.name.removesuffix("_as_tensor"): attribute for attribute in node.attribute}
    if not {"base_values", "class_weights", "class_treeids", "nodes_treeids", "nodes_modes"} <= named.keys():
        return
    base, weights = _numbers(named["base_values"]), _numbers(named["class_weights"])
    trees, classes = (np.array(named[name].ints) for name in ("class_treeids", "class_ids"))
    if len(base) != 2 or not weights.shape == trees.shape == classes.shape:
        return
    nodes = zip(named["nodes_treeids"].ints, named["nodes_modes"].strings, strict=False)
    leaves = Counter(tree for tree, mode in nodes if mode == b"LEAF")
    for place, value in enumerate(base):
        counts = Counter(trees[classes == place].tolist())
        tree = next((tree for tree, count in counts.items() if count == leaves[tree]), None)
        if tree is None:
            raise BadArtifact("the base values of the model's trees can't be used: convert it without them")
        weights[(trees == tree) & (classes == place)] += value
    node.attribute.remove(named["base_values"])
    if named["class_weights"].HasField("t"):
        named["class_weights"].t.CopyFrom(numpy_helper.from_array(weights, named["class_weights"].t.name))
    else:
        named["class_weights"].floats[:] = weights


def _numbers(attribute: onnx.AttributeProto) -> NDArray[Any]:
    if attribute.HasField("t"):
        return np.array(numpy_helper.to_array(attribute.t))
    return np.array(attribute.floats)


def scaled_in_float32(model: onnx.ModelProto, inputs: Inputs) -> bool:
    """Whether the graph's trees read values that it computes from float32 input."""
    producers = {name: node for node in model.graph.node for name in node.output}
    pending = [name for node in model.graph.node if _trees(node) for name in node.input[:1]]
    while pending:
        node = producers.get(pending.pop())
        if node is not None and node.op_type not in DATA_MOVEMENT_OPS:
            return inputs.element != TensorProto.DOUBLE
        pending.extend(node.input if node is not None else ())
    return False


def _trees(node: onnx.NodeProto) -> bool:
    return node.op_type.startswith("TreeEnsemble")


def _float32(node: onnx.NodeProto) -> bool:
    return _trees(node) and any(a.name == "nodes_values" for a in node.attribute)
