"""Trees whose thresholds are float32, given float32 values."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from weather.importing.inputs import Inputs


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


def _float32(node: onnx.NodeProto) -> bool:
    return node.op_type.startswith("TreeEnsemble") and any(a.name == "nodes_values" for a in node.attribute)
