"""Joins the scaler, the classifier and the conversion of its outputs into one graph, as serving needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from weather.contract.variables import FEATURES
from weather.importing.errors import BadArtifact
from weather.importing.reading.scaler import Scaler
from weather.importing.understanding.inputs import Inputs
from weather.importing.understanding.outputs import Label, Outputs, Score
from weather.model.classifier import INPUT, PROBABILITY, RAIN

PREFIX = "model/"
"""The prefix of all names of the classifier's graph, so that none collides with the names added here."""

SHAPE_OPS = frozenset({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})
"""Operations that only change the shape."""

BOUNDED_OPS = frozenset({"Sigmoid", "Softmax"})
"""Operations whose results are always within 0 ... 1."""


@dataclass(frozen=True)
class Joint:
    """What is joined to a graph.

    ``scaler`` comes before it, None if the graph scales its input itself. ``order`` names its columns.
    ``inputs`` and ``outputs`` keep the original names. With ``single``, observations are float32.
    """

    scaler: Scaler | None
    order: tuple[str, ...]
    inputs: Inputs
    outputs: Outputs
    single: bool = False


class _Nodes:
    """Collects nodes and constants; each name is added once."""

    def __init__(self) -> None:
        self.nodes: dict[str, onnx.NodeProto] = {}
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node unless its output exists, and return the output's name."""
        if output not in self.nodes:
            self.nodes[output] = helper.make_node(kind, inputs, [output], **attributes)
        return output

    def constant(self, name: str, value: Any, dtype: Any) -> str:
        """Add a constant unless it exists, and return its name."""
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def flat(self, name: str) -> str:
        """Flatten a tensor of one value per row to a vector."""
        return self.add("Reshape", [name, self.constant("flat", [-1], np.int64)], f"{name}/flat")

    def rename(self, old: str, new: str) -> None:
        """Give a node's output another name."""
        for node in self.nodes.values():
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    names[index] = new if name == old else name


def join(body: onnx.ModelProto, joint: Joint, scored: bool) -> bytes:
    """``observations`` float64[n, 7] (float32 if ``joint.single``) -> ``rain`` bool[n] and, if
    ``scored``, ``probability`` float32[n].

    ``body`` has PREFIX before all of its names.

    Raises:
        BadArtifact: the joined graph is not valid ONNX.
    """
    before, after = _Nodes(), _Nodes()
    _add_input(before, joint)
    outputs = [helper.make_tensor_value_info(RAIN, TensorProto.BOOL, [None])]
    after.rename(_rain(after, joint.outputs, {o.domain: o.version for o in body.opset_import}), RAIN)
    if scored:
        assert joint.outputs.score is not None, "a scored graph needs a score"
        after.rename(_probability(after, joint.outputs.score, body), PROBABILITY)
        outputs.append(helper.make_tensor_value_info(PROBABILITY, TensorProto.FLOAT, [None]))
    every = [*before.nodes.values(), *body.graph.node, *after.nodes.values()]
    constants = [*before.constants.values(), *after.constants.values(), *body.graph.initializer]
    kept = _reachable(every, {output.name for output in outputs})
    used = {name for node in kept for name in node.input}
    element = TensorProto.FLOAT if joint.single else TensorProto.DOUBLE
    joined = helper.make_model(
        helper.make_graph(
            kept,
            "weather",
            [helper.make_tensor_value_info(INPUT, element, [None, len(FEATURES)])],
            outputs,
            [t for t in constants if t.name in used or _has_subgraph(kept)],
        ),
        opset_imports=body.opset_import,
        ir_version=body.ir_version,
        functions=body.functions,
    )
    joined.graph.sparse_initializer.extend(body.graph.sparse_initializer)
    try:
        onnx.checker.check_model(joined)
    except Exception as error:  # the checker's exceptions have no common base
        raise BadArtifact(f"the model can't be joined to its scaler: {str(error).strip()[:300]}") from error
    return bytes(joined.SerializeToString(deterministic=True))


def _add_input(nodes: _Nodes, joint: Joint) -> None:
    """Add the scaler (float64, as in scikit-learn), the reordering of columns and the casts of types."""
    rows, element = INPUT, TensorProto.FLOAT if joint.single else TensorProto.DOUBLE
    dtype = helper.tensor_dtype_to_np_dtype(element)
    if joint.scaler is not None:
        rows = nodes.add("Sub", [rows, nodes.constant("mean", joint.scaler.mean, dtype)], "centred")
        rows = nodes.add("Div", [rows, nodes.constant("scale", joint.scaler.scale, dtype)], "scaled")
    if joint.order != FEATURES:
        places = [FEATURES.index(name) for name in joint.order]
        rows = nodes.add("Gather", [rows, nodes.constant("order", places, np.int64)], "ordered", axis=1)
    if len(joint.inputs.columns) == 1:
        (column,) = joint.inputs.columns
        kind = {"to": column.element} if column.element != element else {}
        nodes.add("Cast" if kind else "Identity", [rows], PREFIX + column.name, **kind)
        return
    for index, column in enumerate(joint.inputs.columns):
        at = nodes.constant(f"column{index}", [index] if column.rank == 2 else index, np.int64)
        picked = nodes.add("Gather", [rows, at], f"picked{index}", axis=1)
        nodes.add("Cast", [picked], PREFIX + column.name, to=column.element)


def _rain(nodes: _Nodes, outputs: Outputs, opset: dict[str, int]) -> str:
    """Add the decision: the score above its threshold, or else the label. Returns the output's name."""
    if outputs.threshold is not None:
        assert outputs.score is not None, "a threshold is one of a score"
        threshold = nodes.constant("threshold", outputs.threshold, np.float32)
        return nodes.add("Greater", [_rain_score(nodes, outputs.score), threshold], "wet")
    assert outputs.label is not None, "there is a label or a threshold"
    return _rain_from_label(nodes, outputs.label, opset)


def _rain_from_label(nodes: _Nodes, label: Label, opset: dict[str, int]) -> str:
    flat = nodes.flat(PREFIX + label.name)
    if isinstance(label.rain, str):
        dry = next(str(known) for known in label.classes if known != label.rain)
        if opset.get("ai.onnx.ml", 1) == 1:
            code = {"classes_strings": [dry, label.rain], "default_int64": 0}
        else:
            code = {"keys_strings": [dry, label.rain], "values_int64s": [0, 1], "default_int64": 0}
        coded = nodes.add("LabelEncoder", [flat], "coded", domain="ai.onnx.ml", **code)
        return nodes.add("Cast", [coded], "wet", to=TensorProto.BOOL)
    (low, high), rain = sorted(map(_number, label.classes)), _number(label.rain)
    if (low, rain) == (0, high):
        return nodes.add("Cast", [flat], "wet", to=TensorProto.BOOL)
    number = nodes.add("Cast", [flat], "number", to=TensorProto.DOUBLE)
    middle = nodes.constant("middle", (low + high) / 2, np.float64)
    return nodes.add("Greater" if rain == high else "Less", [number, middle], "wet")


def _number(label: object) -> float:
    return float(label)  # type: ignore[arg-type]


def _probability(nodes: _Nodes, score: Score, body: onnx.ModelProto) -> str:
    """Add the score of rain, clipped to 0 ... 1 if it is a probability."""
    value = _rain_score(nodes, score)
    bounded = score.squash or _bounded(body, score)
    if not score.probability or (bounded and not score.complement):
        return value
    value = nodes.add("Max", [value, nodes.constant("zero", 0, np.float32)], "at_least_zero")
    return nodes.add("Min", [value, nodes.constant("one", 1, np.float32)], "at_most_one")


def _bounded(body: onnx.ModelProto, score: Score) -> bool:
    """Whether the score of rain comes from a sigmoid or softmax, and only its shape changes after it."""
    producers = {name: node for node in body.graph.node for name in node.output}
    at = score.column or 0
    node = producers.get(PREFIX + score.names[min(at, len(score.names) - 1)])
    while node is not None and node.op_type not in BOUNDED_OPS:
        if node.op_type == "Concat" and len(node.input) == 2 and len(score.names) == 1:
            node = producers.get(node.input[at])
        elif node.op_type in SHAPE_OPS:
            node = producers.get(node.input[0])
        else:
            return False
    return node is not None


def _rain_score(nodes: _Nodes, score: Score) -> str:
    """The score of rain as float32[n]."""
    value = _column(nodes, score, score.column or 0)
    if score.squash == "softmax":  # of two logits: the sigmoid of their difference
        value = nodes.add("Sub", [value, _column(nodes, score, 1 - (score.column or 0))], "logit")
    if score.squash:
        value = nodes.add("Sigmoid", [value], "squashed")
    if score.double:
        value = nodes.add("Cast", [value], "single", to=TensorProto.FLOAT)
    if score.complement:
        whole = nodes.constant("whole", 1 if score.probability else 0, np.float32)
        value = nodes.add("Sub", [whole, value], "complement")
    return value


def _column(nodes: _Nodes, score: Score, column: int) -> str:
    """A column of the scores, one value per row."""
    if len(score.names) == 2 or score.column is None:
        return nodes.flat(PREFIX + score.names[column if len(score.names) == 2 else 0])
    matrix = PREFIX + score.names[0]
    if not score.matrix:
        matrix = nodes.add("Reshape", [matrix, nodes.constant("pairs", [-1, 2], np.int64)], "pair")
    at = nodes.constant(f"place{column}", column, np.int64)
    return nodes.add("Gather", [matrix, at], f"score{column}", axis=1)


def _reachable(nodes: list[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """The nodes that ``wanted`` depends on; ONNX Runtime would run the others too, 1 us each."""
    if _has_subgraph(nodes):
        return nodes  # a subgraph may use any name
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]


def _has_subgraph(nodes: list[onnx.NodeProto]) -> bool:
    return any(a.HasField("g") for node in nodes for a in node.attribute)
