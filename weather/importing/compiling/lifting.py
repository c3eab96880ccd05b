"""Converts the scaling inside a graph from float32 to float64, with the exact constants of the scaler.

Exporters write a scaler in float32, but scikit-learn computes it in float64. A value on a threshold of a
tree may then take the other branch. This is frequent, because values of real observations repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from weather.importing.reading.scaler import Scaler
from weather.importing.understanding.inputs import Inputs

DATA_MOVEMENT_OPS = frozenset(
    {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather", "Transpose", "Split"}
    | {"ArrayFeatureExtractor"}
)
"""Operations that move values without computing."""

MIN_MATCHES = 4
"""Minimum number of constants that must equal the scaler's: means and scales of two fields."""


def with_float64_scaling(
    model: onnx.ModelProto, inputs: Inputs, scaler: Scaler
) -> tuple[onnx.ModelProto, Inputs] | None:
    """The model with float64 inputs and scaling, cast to float32 before the first other operation.

    None if the model has a subgraph, or no scaling with the constants of the scaler.
    """
    if any(a.HasField("g") or a.graphs for node in model.graph.node for a in node.attribute):
        return None
    rewriter = _Float64Rewriter(model, scaler)
    columns = []
    for column in inputs.columns:
        if column.element == TensorProto.FLOAT:
            rewriter.double.add(column.name)
            column = replace(column, element=TensorProto.DOUBLE)
        columns.append(column)
    nodes = [new for node in model.graph.node for new in rewriter.rewritten(node)]
    if rewriter.exact < MIN_MATCHES:
        return None
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for value in result.graph.input:
        if value.name in rewriter.double:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    result.graph.initializer.extend(rewriter.constants)
    del result.graph.value_info[:]
    return result, replace(inputs, columns=tuple(columns))


class _Float64Rewriter:
    """Rewrites nodes in graph order.

    ``double`` has the names of float64 tensors so far, and ``exact`` counts constants equal to the scaler's.
    """

    def __init__(self, model: onnx.ModelProto, scaler: Scaler) -> None:
        self.means = {np.float32(value): value for value in scaler.mean}
        self.scales = {np.float32(value): value for value in scaler.scale}
        self.inverses = {np.float32(1 / value): value for value in scaler.scale}
        self.known = {tensor.name: tensor for tensor in model.graph.initializer} | {
            node.output[0]: node.attribute[0].t
            for node in model.graph.node
            if node.op_type == "Constant" and node.attribute[0].HasField("t")
        }
        self.double: set[str] = set()
        self.casts: set[str] = set()
        self.constants: list[onnx.TensorProto] = []
        self.exact = 0

    def rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """The nodes that replace a node."""
        touched = [name for name in node.input if name in self.double]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if not touched:
            yield node
        elif node.op_type in DATA_MOVEMENT_OPS and touched == list(node.input[:1]):
            self.double.update(node.output)
            yield node
        elif node.op_type in ("Concat", "FeatureVectorizer"):
            inputs = []
            for name in node.input:
                inputs.append(name if name in self.double else f"{name}/double")
                if name not in self.double:
                    yield from self.cast(name, inputs[-1], TensorProto.DOUBLE)
            self.double.update(node.output)
            yield helper.make_node("Concat", inputs, node.output, axis=attributes.get("axis", 1))
        elif node.op_type == "Cast" and attributes["to"] == TensorProto.DOUBLE:
            self.double.update(node.output)
            yield helper.make_node("Identity", node.input, node.output)
        elif node.op_type == "Cast":
            yield node
        elif node.op_type == "Scaler":
            yield from self.scaled(node, np.array(attributes["offset"]), np.array(attributes["scale"]))
        elif node.op_type in ("Sub", "Div", "Mul") and (values := self.numbers(node.input[1])) is not None:
            known = {"Sub": self.means, "Div": self.scales, "Mul": self.inverses}[node.op_type]
            exactly = self.exactly(values, known, _inverse(values) if node.op_type == "Mul" else values)
            kind = "Div" if node.op_type == "Mul" else node.op_type
            yield self.computed(kind, node.input[0], exactly, node.output[0])
        else:
            for name in dict.fromkeys(touched):
                yield from self.cast(name, f"{name}/float", TensorProto.FLOAT)
            changed = onnx.NodeProto()
            changed.CopyFrom(node)
            for index, name in enumerate(node.input):
                changed.input[index] = f"{name}/float" if name in self.double else name
            yield changed

    def scaled(
        self, node: onnx.NodeProto, offset: NDArray[Any], scale: NDArray[Any]
    ) -> Iterator[onnx.NodeProto]:
        """``(x - offset) * scale`` as ``(x - mean) / scale``."""
        centred = f"{node.output[0]}/centred"
        yield self.computed("Sub", node.input[0], self.exactly(offset, self.means, offset), centred)
        yield self.computed(
            "Div", centred, self.exactly(scale, self.inverses, _inverse(scale)), node.output[0]
        )

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """The value of a float constant; None if ``name`` is not one."""
        tensor = self.known.get(name)
        if tensor is None or tensor.data_type not in (TensorProto.FLOAT, TensorProto.DOUBLE):
            return None
        return np.asarray(numpy_helper.to_array(tensor), np.float64)

    def exactly(
        self, values: NDArray[Any], known: dict[np.float32, np.float64], otherwise: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Replace float32 constants by the float64 values they were rounded from, where these are known."""
        originals = [known.get(np.float32(value)) for value in values.ravel()]
        self.exact += sum(value is not None for value in originals)
        exact = [
            other if value is None else value
            for value, other in zip(originals, otherwise.ravel(), strict=True)
        ]
        return np.array(exact, np.float64).reshape(values.shape)

    def computed(self, kind: str, x: str, constant: NDArray[np.float64], output: str) -> onnx.NodeProto:
        """A float64 node with a new constant as its second input."""
        name = f"{output}/exact"
        self.constants.append(numpy_helper.from_array(constant, name))
        self.double.add(output)
        return helper.make_node(kind, [x, name], [output])

    def cast(self, name: str, to: str, element: int) -> Iterator[onnx.NodeProto]:
        """A Cast node, unless it exists."""
        if to not in self.casts:
            self.casts.add(to)
            yield helper.make_node("Cast", [name], [to], to=element)


def _inverse(values: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(divide="ignore"):
        return np.asarray(1 / values)
