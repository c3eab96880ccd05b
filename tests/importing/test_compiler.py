"""The compiled graph: what it takes and answers, whatever the original's form."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests import old_system
from tests.fixtures import pair as pair_for_tests
from tests.importing.graphs import OLD_SCALER, graph, original, pair, stump, weather_rows
from weather.contract.variables import FEATURES
from weather.importing.compiling import joining
from weather.importing.compiling.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.hints import Hints
from weather.importing.reading.scaler import Scaler
from weather.model.classifier import Classifier


def identity(element: int, shape: list[int | str | None]) -> bytes:
    return graph(
        [helper.make_node("Identity", ["x"], ["y"])], [("y", element, shape)], shape=shape, element=element
    )


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (b"not onnx", "truncated or not ONNX"),
        (pair_for_tests.model()[:1000], "truncated or not ONNX"),
        (old_system.svm(features=5), r"input float_input is float\[n, 5\]; it must be float\[n, 7\]"),
        (identity(TensorProto.INT64, [None, 7]), r"is int64\[n, 7\]; convert the model to float32"),
        (identity(TensorProto.FLOAT, [None, 7]), "output y has 7 columns"),
        (identity(TensorProto.FLOAT, [None, 7, 1]), r"is float\[n, 7, 1\]; it must be float\[n, 7\]"),
    ],
)
def test_models_that_do_not_fit_are_refused_with_the_reason(model: bytes, complaint: str) -> None:
    with pytest.raises(BadArtifact, match=complaint):
        compile_pair(pair(model))


def test_any_batch_gives_what_single_rows_give(classifier: Classifier) -> None:
    rows = weather_rows(64)
    _, together = classifier(rows)
    alone = [classifier(row[None])[1] for row in rows]
    assert together is not None
    np.testing.assert_allclose(together, np.concatenate([a for a in alone if a is not None]), atol=1e-6)


def test_a_threshold_is_met_in_float64() -> None:
    """250 degrees are scaled to exactly the threshold in float64, and below it in float32: of 2,000 real
    hours 39 got another label from XGBoost's trees where rows or scaling were float32.
    """
    wrong = 0
    for value in np.arange(0, 360, 10.0):
        row = OLD_SCALER.mean.copy()
        row[3] = value
        threshold = np.float32(OLD_SCALER.transform(row)[3])
        compiled = compile_pair(pair(stump(3, float(threshold)), hints=Hints(input_kind="scaled")))
        assert Classifier(compiled.model)(row[None])[0][0], value
        mean, scale = OLD_SCALER.mean.astype(np.float32), OLD_SCALER.scale.astype(np.float32)
        wrong += ((row.astype(np.float32) - mean) / scale)[3] < threshold
    assert wrong > 0, "float32 gets some of these wrong, so this test can see it"


def test_a_float64_graph_compares_what_its_trees_were_fitted_on() -> None:
    row = OLD_SCALER.mean.copy()
    row[3] = 250.0
    threshold = np.float32(OLD_SCALER.transform(row)[3])
    assert float(threshold) != OLD_SCALER.transform(row)[3]
    above = Hints(input_kind="scaled")
    for value in (float(threshold), float(np.nextafter(threshold, np.float32(9)))):
        model = stump(3, value, TensorProto.DOUBLE)
        compiled = compile_pair(pair(model, hints=above))
        assert Classifier(compiled.model)(row[None])[0][0] == (threshold >= np.float32(value))
        assert any("compare values in float32" in line for line in compiled.lines)


def test_a_label_and_score_in_columns_order_are_taken_from_the_order() -> None:
    mixed = Scaler(OLD_SCALER.mean, OLD_SCALER.scale, FEATURES[::-1])
    compiled = compile_pair(pair(stump(0, 0.5), mixed, Hints(input_kind="scaled")))
    rows = weather_rows(200)
    expected = OLD_SCALER.transform(rows)[:, 6] >= 0.5
    assert (Classifier(compiled.model)(rows)[0] == expected).all()


def test_an_undetermined_kind_of_input_must_be_stated() -> None:
    model = stump(1, 0.8)
    with pytest.raises(BadArtifact, match="cannot determine whether the model scales its input itself"):
        compile_pair(pair(model))
    rows = weather_rows(300)
    raw = compile_pair(pair(model, hints=Hints(input_kind="raw")))
    assert raw.scaler is None
    assert (Classifier(raw.model)(rows)[0] == (rows[:, 1].astype(np.float32) >= np.float32(0.8))).all()
    scaled = compile_pair(pair(model, hints=Hints(input_kind="scaled")))
    assert scaled.scaler is OLD_SCALER
    assert (Classifier(scaled.model)(rows)[0] == (OLD_SCALER.transform(rows)[:, 1] >= 0.8)).all()


def test_names_of_the_models_own_do_not_meet_ours() -> None:
    """A compiled graph is a model like any other: it has every name that compiling uses."""
    first = compile_pair(pair(old_system.svm(probabilities=True)))
    second = compile_pair(pair(first.model, None, Hints(input_kind="raw")))
    rows = weather_rows(300)
    (rain, chance), (again, chance_again) = Classifier(first.model)(rows), Classifier(second.model)(rows)
    assert (rain == again).all()
    assert chance is not None
    assert chance_again is not None
    np.testing.assert_allclose(chance, chance_again, atol=1e-6)


def test_the_graph_declares_what_it_takes() -> None:
    """float32 where a support-vector machine has its scaler in its constants, which is the fastest; else
    float64.
    """
    kinds = {}
    for name, model in (("svm", old_system.svm()), ("tree", stump(5, 0.5))):
        compiled = onnx.load_from_string(compile_pair(pair(model)).model)
        kinds[name] = compiled.graph.input[0].type.tensor_type.elem_type
    assert kinds == {"svm": TensorProto.FLOAT, "tree": TensorProto.DOUBLE}


def test_a_joined_graph_that_answers_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named test double: a joint that scales in another way, which no model here provokes."""
    before = joining._add_input

    def faulty(nodes: joining._Nodes, joint: joining.Joint) -> None:
        before(nodes, joint)
        nodes.constants["mean"].CopyFrom(
            onnx.numpy_helper.from_array(OLD_SCALER.mean + np.array([0, 0, 0, 0, 0, 2.0, 0]), "mean")
        )

    monkeypatch.setattr(joining, "_add_input", faulty)
    with pytest.raises(BadArtifact, match="gives different results when joined to its scaler"):
        compile_pair(pair(stump(5, 0.5)))


def test_a_constant_model_is_served_with_a_warning() -> None:
    compiled = compile_pair(pair(stump(5, 1e6)))
    assert any(line.startswith("WARNING: the model gives the same label for all") for line in compiled.lines)
    rain, chance = Classifier(compiled.model)(weather_rows(10))
    assert not rain.any()
    assert chance is not None
    np.testing.assert_allclose(chance, 0.1, atol=1e-6)


def test_what_was_understood_is_said_and_told(artifacts: Artifacts) -> None:
    compiled = compile_pair(artifacts)
    said = "\n".join(compiled.lines)
    assert "scaled by the scaler: in raw rows" in said
    assert "label: output label; 1 is Rain, 0 is No_Rain" in said
    assert "probability: output probabilities, column 2 of 2" in said
    assert "rows: 0 labels differ" in said
    facts = compiled.facts
    assert facts["scaled_by"] == "scaler"
    assert facts["label"] == {"output": "label", "rain": 1, "classes": [0, 1]}
    assert facts["probability"]["column"] == 1
    assert facts["check"]["labels"] == 0
    assert facts["check"]["largest_difference"] < 1e-4
    assert facts["threshold"] == pytest.approx(pair_for_tests.THRESHOLD, abs=0.01)


def test_raw_scores_are_no_probabilities() -> None:
    compiled = compile_pair(pair(old_system.svm()))
    assert not compiled.calibrated
    assert compiled.facts["probability"] is None
    rows = weather_rows(500)
    label, _ = original(old_system.svm(), OLD_SCALER, rows)
    rain, probability = Classifier(compiled.model)(rows)
    assert probability is None
    assert (rain == (label == 1)).mean() > 0.99


@pytest.mark.parametrize(("score", "cut"), [("p", False), ("q", True)])
def test_only_what_may_leave_0_to_1_is_cut_to_it(score: str, cut: bool) -> None:
    """A sigmoid never does, however it is put into columns; two nodes are two microseconds."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["p"]),
        helper.make_node("Mul", ["p", "one"], ["q"]),
        helper.make_node("Sub", ["one", score], ["no"]),
        helper.make_node("Concat", ["no", score], ["both"], axis=1),
    ]
    weights = {"w": np.ones((7, 1), np.float32), "one": np.array(1, np.float32)}
    compiled = compile_pair(pair(graph(nodes, [("both", TensorProto.FLOAT, [None, 2])], weights)))
    kinds = {node.op_type for node in onnx.load_from_string(compiled.model).graph.node}
    assert ("Max" in kinds) == cut
