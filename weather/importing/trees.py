"""What ONNX Runtime and converters do otherwise with trees than their libraries."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from weather.importing.inputs import Inputs


LABELS = "classlabels_int64s"


def with_float32_trees(model: onnx.ModelProto, inputs: Inputs) -> onnx.ModelProto | None:
    """The model with the values that its trees compare rounded to float32; None if they are already.

    scikit-learn's trees compare float32 values with thresholds between them. With float64 input skl2onnx
    hands the trees float64 values and still writes float32 thresholds: of 2,000 real rows 79 then took
    another branch somewhere (a forest of 20 trees).
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


def with_own_labels(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the labels that its trees' nodes name.

    Where both classes have weights, as in what CatBoost writes, ONNX Runtime's label is 1 or 0 whatever
    whole numbers ``classlabels_int64s`` has. The node is given 0 and 1, and its labels are looked up.
    """
    if not any(map(_odd_labels, model.graph.node)):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    nodes = []
    for node in changed.graph.node:
        labels = _odd_labels(node)
        nodes.append(node)
        if labels:
            label, place = node.output[0], f"{node.output[0]}/place"
            node.output[0] = place
            next(a for a in node.attribute if a.name == LABELS).ints[:] = [0, 1]
            named = numpy_helper.from_array(np.array(labels, np.int64), f"{label}/labels")
            changed.graph.initializer.append(named)
            nodes.append(helper.make_node("Gather", [named.name, place], [label]))
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    return changed


def _odd_labels(node: onnx.NodeProto) -> list[int]:
    """The two classes of a node of trees that are whole numbers other than 0 and 1; else none."""
    if node.op_type != "TreeEnsembleClassifier" or not node.output[0]:
        return []
    labels = next((list(a.ints) for a in node.attribute if a.name == LABELS), [])
    return labels if len(labels) == 2 and labels != [0, 1] else []


def _float32(node: onnx.NodeProto) -> bool:
    return node.op_type.startswith("TreeEnsemble") and any(a.name == "nodes_values" for a in node.attribute)
