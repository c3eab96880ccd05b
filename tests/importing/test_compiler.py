from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests import old_system
from tests.fixtures import pair as pair_for_tests
from weather.contract.variables import FEATURES
from weather.importing import compiler
from weather.importing.artifacts import Artifacts, BadArtifact, Scaler
from weather.importing.compiler import compile_pair, probe_rows
from weather.model.classifier import Classifier

OLD_SCALER = Scaler(old_system.MEAN, old_system.SCALE)


def pair(model: bytes, scaler: Scaler = OLD_SCALER) -> Artifacts:
    return Artifacts(scaler, model, None)


def original(model: bytes, scaler: Scaler, rows: NDArray[np.float64]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model)
    answers: list[NDArray[np.float32]] = session.run(
        None, {session.get_inputs()[0].name: scaler.transform(rows).astype(np.float32)}
    )
    return answers


def weather_rows(n: int = 2000) -> NDArray[np.float64]:
    return np.random.default_rng(5).normal(old_system.MEAN, old_system.SCALE, size=(n, 7))


@pytest.mark.parametrize("kernel", ["RBF", "LINEAR"])
def test_a_raw_svm_becomes_matrix_products_with_the_same_labels(kernel: str) -> None:
    model = old_system.svm(kernel)
    compiled = compile_pair(pair(model))
    assert compiled.notes == [f"SVMClassifier with 300 support vectors ({kernel}) runs as matrix products"]
    assert "SVMClassifier" not in {n.op_type for n in onnx.load_from_string(compiled.model).graph.node}
    rows = weather_rows()
    label, score = original(model, OLD_SCALER, rows)
    rain, probability = Classifier(compiled.model)(rows)
    clear = np.abs(score[:, 1]) > 1e-3
    assert (rain == (label > 0.5))[clear].all()
    assert len(set(label.tolist())) == 2
    assert probability is None, "raw scores are no probabilities"


def test_platt_probabilities_are_kept() -> None:
    model = old_system.svm(probabilities=True)
    compiled = compile_pair(pair(model))
    assert compiled.calibrated
    rows = weather_rows()
    label, score = original(model, OLD_SCALER, rows)
    rain, probability = Classifier(compiled.model)(rows)
    assert probability is not None
    np.testing.assert_allclose(probability, score[:, 1], atol=5e-3)  # ONNX Runtime's own error
    clear = np.abs(score[:, 1] - 0.5) > 5e-2
    assert (rain == (label > 0.5))[clear].all()


def test_a_calibrated_model_with_a_threshold_keeps_its_labels_and_probabilities(artifacts: Artifacts) -> None:
    compiled = compile_pair(artifacts)
    rows = probe_rows(artifacts)
    label, score = original(artifacts.model, artifacts.scaler, rows)
    rain, probability = Classifier(compiled.model)(rows)
    assert probability is not None
    np.testing.assert_allclose(probability, score[:, 1], atol=1e-5)
    clear = np.abs(score[:, 1] - pair_for_tests.THRESHOLD) > 1e-4
    assert (rain == (label > 0.5))[clear].all()
    assert (rain == (score[:, 1] > pair_for_tests.THRESHOLD))[clear].all()


@pytest.mark.parametrize("kernel", ["POLY", "SIGMOID"])
def test_other_kernels_run_as_they_are_and_say_so(kernel: str) -> None:
    model = old_system.svm(kernel)
    compiled = compile_pair(pair(model))
    assert compiled.notes == [f"SVMClassifier runs as it is: its kernel is {kernel}"]
    rows = weather_rows()
    rain, _ = Classifier(compiled.model)(rows)
    label, score = original(model, OLD_SCALER, rows)
    clear = np.abs(score[:, 1]) > 1e-2
    assert (rain == (label > 0.5))[clear].all()


def test_far_out_inputs_and_an_uncentred_scaler_lose_no_precision() -> None:
    """With mean 0 and scale 1 the SVM sees 1,000 mbar as 1,000: |z|^2 is a million there, and
    |z|^2 + |s|^2 - 2 z.s would keep no digit of a distance of 1 in float32."""
    raw = Scaler(np.zeros(7), np.ones(7))
    model = old_system.svm(offset=1000.0)
    compiled = compile_pair(pair(model, raw))
    assert "matrix products" in compiled.notes[0]
    rows = np.random.default_rng(6).normal(1000, 1, size=(500, 7))
    label, score = original(model, raw, rows)
    rain, _ = Classifier(compiled.model)(rows)
    clear = np.abs(score[:, 1]) > 1e-3
    assert (rain == (label > 0.5))[clear].all()
    assert len(set(label.tolist())) == 2
    far = np.full((1, 7), 1e6)
    assert Classifier(compiled.model)(far)[0] == (original(model, raw, far)[0] > 0.5)


def test_any_batch_gives_what_single_rows_give(classifier: Classifier, artifacts: Artifacts) -> None:
    rows = probe_rows(artifacts)[:64]
    _, together = classifier(rows)
    alone = [classifier(row[None])[1] for row in rows]
    assert together is not None
    np.testing.assert_allclose(together, np.concatenate([a for a in alone if a is not None]), atol=1e-6)


def test_a_classifier_of_another_kind_runs_behind_the_scaler() -> None:
    nodes = [
        helper.make_node(
            "LinearClassifier",
            ["x"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            classlabels_ints=[0, 1],
            coefficients=[-1.0, 0, 0, 0, 0, 0, -2.0, 1.0, 0, 0, 0, 0, 0, 2.0],
            intercepts=[0.5, -0.5],
            post_transform="SOFTMAX",
        ),
        helper.make_node("ZipMap", ["scores"], ["map"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    sequence = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 7])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_value_info("map", sequence),
        ],
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    compiled = compile_pair(pair(model))
    assert compiled.calibrated
    assert compiled.notes == ["LinearClassifier runs as it is, behind the scaler"]
    rows = weather_rows(100)
    z = OLD_SCALER.transform(rows)
    _, probability = Classifier(compiled.model)(rows)
    assert probability is not None
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-(2 * z[:, 0] + 4 * z[:, 6] - 1))), atol=1e-4)


def identity(element: int, shape: list[int | None], outputs: int = 1, inputs: int = 1) -> bytes:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x0"], [f"y{i}"]) for i in range(outputs)],
        "identity",
        [helper.make_tensor_value_info(f"x{i}", element, shape) for i in range(inputs)],
        [helper.make_tensor_value_info(f"y{i}", element, shape) for i in range(outputs)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (b"not onnx", "truncated or not ONNX"),
        (pair_for_tests.model()[:1000], "truncated or not ONNX"),
        (old_system.svm(features=5), r"input is float\[None, 5\]; it must be float\[n, 7\]"),
        (identity(TensorProto.DOUBLE, [None, 7]), r"input is double\[None, 7\]"),
        (identity(TensorProto.FLOAT, [1, 7]), "exactly 1 row"),
        (identity(TensorProto.FLOAT, [None, 7], inputs=2), "2 inputs"),
        (identity(TensorProto.FLOAT, [None, 7]), "one label a row, 0 or 1"),
    ],
)
def test_models_that_do_not_fit_are_refused_with_the_reason(model: bytes, complaint: str) -> None:
    with pytest.raises(BadArtifact, match=complaint):
        compile_pair(pair(model))


def test_weights_outside_the_file_are_refused(tmp_path: Path) -> None:
    model = onnx.load_from_string(identity(TensorProto.FLOAT, [None, 7]))
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    tensor.ClearField("float_data")
    model.graph.initializer.append(tensor)
    with pytest.raises(BadArtifact, match=r"weights in other files|not ONNX"):
        compile_pair(pair(model.SerializeToString()))


def test_probe_rows_reach_the_edges_of_the_contract(artifacts: Artifacts) -> None:
    rows = probe_rows(artifacts)
    assert rows.shape[1] == len(FEATURES)
    assert rows[:, 0].min() == -90
    assert rows[:, 0].max() == 60


def test_a_rewrite_that_came_out_wrong_is_given_up_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named test double: a rewrite with a rounding fault, which no model here provokes."""
    rewrite = compiler._rbf

    def faulty(z: str, prefix: str, svm: compiler._Svm, scaler: Scaler | None) -> compiler._Parts:
        return rewrite(z, prefix, replace(svm, coefficients=svm.coefficients * 1.01), scaler)

    monkeypatch.setattr(compiler, "_rbf", faulty)
    model = old_system.svm()
    compiled = compile_pair(pair(model))
    assert compiled.notes[0].startswith("WARNING: the original graph is served")
    assert "decision values differ" in compiled.notes[0]
    rows = weather_rows(200)
    assert (Classifier(compiled.model)(rows)[0] == (original(model, OLD_SCALER, rows)[0] > 0.5)).all()
