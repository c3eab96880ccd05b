"""Fewer nodes, the same answers; and what can't be fused is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.conftest import MODEL
from weather.contract.variables import FEATURES
from weather.importing.compiling import variants
from weather.importing.compiling.compiler import compile_pair
from weather.importing.compiling.fusing import fused
from weather.importing.reading.artifacts import Artifacts
from weather.importing.understanding.probes import probe_rows
from weather.model.classifier import INPUT, PROBABILITY, RAIN, Classifier, session

RNG = np.random.default_rng(3)
MEAN, SCALE = RNG.normal(size=7) * 10, RNG.uniform(1, 9, 7)
ROWS = (MEAN + SCALE * RNG.normal(size=(200, 7))).astype(np.float32)

Nodes = list[onnx.NodeProto]


def node(operation: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operation, inputs, [output], **attributes)


def joined(body: Nodes, **constants: Any) -> onnx.ModelProto:
    """A compiled graph: scaler, ``body`` from ``z`` to ``label`` and ``scores``, outputs for serving."""
    constants |= {"mean": MEAN, "scale": SCALE, "flat": [-1], "column": 1}
    nodes = [
        node("Sub", [INPUT, "mean"], "centred"),
        node("Div", ["centred", "scale"], "z"),
        *body,
        node("Cast", ["label"], "bool", to=TensorProto.BOOL),
        node("Reshape", ["bool", "flat"], RAIN),
        node("Gather", ["scores", "column"], PROBABILITY, axis=1),
    ]
    whole = ("flat", "column", "axis")
    graph = helper.make_graph(
        nodes,
        "joined",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(FEATURES)])],
        [
            helper.make_tensor_value_info(RAIN, TensorProto.BOOL, [None]),
            helper.make_tensor_value_info(PROBABILITY, TensorProto.FLOAT, [None]),
        ],
        [
            numpy_helper.from_array(np.asarray(v, np.int64 if k in whole else np.float32), k)
            for k, v in constants.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def head() -> Nodes:
    """From ``score``, float32[n], to the old system's outputs, as the exporter writes them."""
    return [
        node("Greater", ["score", "threshold"], "above"),
        node("Cast", ["above"], "label", to=TensorProto.INT64),
        node("Sub", ["one", "score"], "rest"),
        node("Unsqueeze", ["rest", "axis"], "rest/column"),
        node("Unsqueeze", ["score", "axis"], "score/column"),
        node("Concat", ["rest/column", "score/column"], "scores", axis=1),
    ]


HEAD = {"threshold": 0.1, "one": 1.0, "axis": [1]}
LINEAR = {"w": RNG.normal(size=(7, 3)), "b": RNG.normal(size=3), "v": RNG.normal(size=3), **HEAD}


def kinds(model: onnx.ModelProto) -> list[str]:
    return [n.op_type for n in model.graph.node]


def answers(model: onnx.ModelProto, rows: NDArray[np.float32] = ROWS) -> list[NDArray[Any]]:
    found: list[NDArray[Any]] = session(model.SerializeToString()).run([RAIN, PROBABILITY], {INPUT: rows})
    return found


def assert_the_same(model: onnx.ModelProto, rows: NDArray[np.float32] = ROWS) -> None:
    before, after = answers(model, rows), answers(fused(model), rows)
    np.testing.assert_allclose(after[1], before[1], atol=1e-4)
    clear = np.abs(before[1] - HEAD["threshold"]) > 1e-4
    assert (after[0] == before[0])[clear].all()
    assert 0 < before[0].sum() < len(rows)


def test_scaler_columns_and_label_are_folded_into_what_is_needed() -> None:
    model = joined(
        [node("Gemm", ["z", "w", "b"], "hidden"), node("MatMul", ["hidden", "v"], "score"), *head()], **LINEAR
    )
    assert kinds(fused(model)) == ["Gemm", "MatMul", "Greater"]
    assert_the_same(model)


def test_missing_values_are_replaced_in_the_rows_own_unit() -> None:
    body = [
        node("IsNaN", ["z"], "missing"),
        node("Where", ["missing", "instead", "z"], "known"),
        node("Gemm", ["known", "w", "b"], "hidden"),
        node("MatMul", ["hidden", "v"], "score"),
        *head(),
    ]
    instead = np.full(7, np.nan)
    instead[4] = -60.0
    model = joined(body, instead=instead, **LINEAR)
    assert kinds(fused(model)) == ["IsNaN", "Where", "Gemm", "MatMul", "Greater"]
    assert_the_same(model)
    rows = ROWS.copy()
    rows[:, 4] = np.nan
    np.testing.assert_allclose(answers(fused(model), rows)[1], answers(model, rows)[1], rtol=1e-4)
    rows[:, 0] = np.nan
    assert np.isnan(answers(fused(model), rows)[1]).all()


@pytest.mark.parametrize(
    "reader",
    [
        [node("Relu", ["z"], "other")],  # not linear
        [node("Gemm", ["z", "w", "b"], "other", alpha=2.0)],
        [node("Gemm", ["z", "square", "b"], "other", transB=1)],
        [node("Relu", ["mean"], "weights"), node("Mul", ["z", "weights"], "other")],
    ],
    ids=["another operation", "a factor", "transposed", "weights that are computed"],
)
def test_a_scaler_that_something_else_reads_stays(reader: Nodes) -> None:
    body = [
        *reader,
        node("Gemm", ["z", "w", "b"], "hidden"),
        node("MatMul", ["hidden", "v"], "first"),
        node("ReduceSum", ["other", "axis"], "second", keepdims=0),
        node("Add", ["first", "second"], "score"),
        *head(),
    ]
    model = joined(body, square=RNG.normal(size=(3, 7)), **LINEAR)
    assert kinds(fused(model))[:2] == ["Sub", "Div"]
    assert_the_same(model)


@pytest.mark.parametrize(
    ("index", "expected"), [(1, "score"), (0, "rest"), (-1, "score")], ids=["second", "first", "last"]
)
def test_the_column_that_is_asked_for_is_taken(index: int, expected: str) -> None:
    model = joined(
        [node("Gemm", ["z", "w", "b"], "hidden"), node("MatMul", ["hidden", "v"], "score"), *head()], **LINEAR
    )
    for constant in model.graph.initializer:
        if constant.name == "column":
            constant.CopyFrom(numpy_helper.from_array(np.array(index, np.int64), "column"))
    assert "Gather" not in kinds(fused(model))
    np.testing.assert_allclose(answers(fused(model))[1], answers(model)[1], atol=1e-4)
    assert (expected == "rest") == ("Sub" in kinds(fused(model)))


@pytest.mark.parametrize(
    ("squash", "low", "high", "dropped"),
    [
        ("Sigmoid", 0.0, 1.0, True),
        ("Sigmoid", 0.2, 1.0, False),
        ("Sigmoid", 0.0, 0.8, False),
        ("Tanh", 0.0, 1.0, False),
    ],
)
def test_bounds_that_a_sigmoid_never_reaches_go(squash: str, low: float, high: float, dropped: bool) -> None:
    body = [
        node("Gemm", ["z", "w", "b"], "hidden"),
        node("MatMul", ["hidden", "v"], "logit"),
        node(squash, ["logit"], "score"),
        *head(),
    ]
    model = joined(body, **LINEAR, low=low, high=high)
    gather = model.graph.node[-1]
    gather.output[0] = "taken"
    model.graph.node.extend(
        [node("Max", ["taken", "low"], "lifted"), node("Min", ["lifted", "high"], PROBABILITY)]
    )
    assert ("Min" not in kinds(fused(model))) == dropped
    np.testing.assert_allclose(answers(fused(model))[1], answers(model)[1], atol=1e-4)


def test_scores_and_labels_of_another_shape_stay() -> None:
    body = [
        node("Gemm", ["z", "w", "b"], "scores"),
        node("Gather", ["scores", "column"], "second", axis=1),
        node("Greater", ["second", "threshold"], "above"),
        node("Unsqueeze", ["above", "axis"], "label"),
    ]
    model = joined(body, **LINEAR)
    assert kinds(fused(model))[-2:] == ["Reshape", "Gather"]
    assert_the_same(model)


def test_a_graph_with_subgraphs_is_left_alone() -> None:
    def branch(name: str, operation: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([node(operation, ["hidden"], name)], name, [], [out])

    body = [
        node("Gemm", ["z", "w", "b"], "hidden"),
        node("ReduceMax", ["hidden"], "top", keepdims=0),
        node("Greater", ["top", "threshold"], "large"),
        node(
            "If",
            ["large"],
            "either",
            then_branch=branch("then", "Neg"),
            else_branch=branch("else", "Identity"),
        ),
        node("MatMul", ["either", "v"], "score"),
        *head(),
    ]
    model = joined(body, **LINEAR)
    assert fused(model) is model


def test_the_graph_that_came_is_not_changed() -> None:
    model = joined(
        [node("Gemm", ["z", "w", "b"], "hidden"), node("MatMul", ["hidden", "v"], "score"), *head()], **LINEAR
    )
    before = model.SerializeToString(deterministic=True)
    fused(model)
    assert model.SerializeToString(deterministic=True) == before


def test_a_fused_graph_that_answers_otherwise_is_not_served(
    committed_artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: onnx.ModelProto) -> onnx.ModelProto:
        made = fused(model)
        for constant in made.graph.initializer:
            value = numpy_helper.to_array(constant)
            if value.dtype == np.float32 and value.size > 7:
                constant.CopyFrom(numpy_helper.from_array(1.1 * value, constant.name))
        return made

    monkeypatch.setattr(variants, "fused", wrong)
    compiled = compile_pair(committed_artifacts)
    monkeypatch.setattr(variants, "fused", lambda model: model)
    assert compiled.model == compile_pair(committed_artifacts).model


def test_the_committed_model_runs_without_scaler_in_few_nodes(committed_artifacts: Artifacts) -> None:
    compiled = compile_pair(committed_artifacts)
    graph = onnx.load_from_string(compiled.model).graph
    original = onnx.load(str(MODEL))
    kinds = [node.op_type for node in graph.node]
    assert len(kinds) <= 20 < len(original.graph.node)
    assert kinds[:2] == ["Sub", "Cast"], "centred in float64; the division is part of the first product"
    assert not {"Div", "Reshape", "Gather"} & set(kinds)
    assert committed_artifacts.scaler is not None
    rows = probe_rows(committed_artifacts.scaler, committed_artifacts.manifest, original)
    assert np.isnan(rows).any(), "the self-check has rows without visibility"
    scaled = committed_artifacts.scaler.transform(rows).astype(np.float32)
    _, score = session(MODEL.read_bytes()).run(None, {"float_input": scaled})
    _, probability = Classifier(compiled.model)(rows)
    assert probability is not None
    np.testing.assert_allclose(probability, score[:, 1], atol=1e-4)
