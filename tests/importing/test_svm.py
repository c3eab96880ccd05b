"""Support-vector machines as matrix products, and when they are left as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tests import old_system
from tests.importing.graphs import OLD_SCALER, original, pair, weather_rows
from weather.importing.compiling import svm
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.scaler import Scaler
from weather.model.classifier import Classifier


def in_float64(model: bytes, scaler: Scaler, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The decision values of old_system.svm, in NumPy."""
    named = {
        a.name: helper.get_attribute_value(a) for a in onnx.load_from_string(model).graph.node[0].attribute
    }
    vectors = np.array(named["support_vectors"], np.float64).reshape(-1, 7)
    z = scaler.transform(rows)
    gamma = named["kernel_params"][0]
    kernel = np.exp(-gamma * ((z[:, None] - vectors) ** 2).sum(axis=2))
    return np.asarray(kernel @ np.array(named["coefficients"]) + named["rho"][0])


@pytest.mark.parametrize("kernel", ["RBF", "LINEAR"])
def test_a_raw_svm_becomes_matrix_products_with_the_same_labels(kernel: str) -> None:
    model = old_system.svm(kernel)
    compiled = compile_pair(pair(model))
    assert compiled.notes == (f"SVMClassifier with 300 support vectors ({kernel}) runs as matrix products",)
    assert "SVMClassifier" not in {n.op_type for n in onnx.load_from_string(compiled.model).graph.node}
    rows = weather_rows()
    label, score = original(model, OLD_SCALER, rows)
    rain, probability = Classifier(compiled.model)(rows)
    clear = np.abs(score[:, 1]) > 1e-3
    assert (rain == (label > 0.5))[clear].all()
    assert len(set(label.tolist())) == 2
    assert probability is None, "raw scores are no probabilities"


def test_platt_probabilities_are_the_sigmoids() -> None:
    """ONNX Runtime's own are up to 0.005 off: it solves a pairwise system and stops at 0.0025."""
    model = old_system.svm(probabilities=True)
    compiled = compile_pair(pair(model))
    assert compiled.calibrated
    assert compiled.facts["approximate"]
    rows = weather_rows(500)
    label, score = original(model, OLD_SCALER, rows)
    rain, probability = Classifier(compiled.model)(rows)
    assert probability is not None
    np.testing.assert_allclose(probability, score[:, 1], atol=5e-3)
    a, b = -1.7, 0.2  # of old_system.svm
    sigmoid = 1 / (1 + np.exp(a * in_float64(model, OLD_SCALER, rows) + b))
    np.testing.assert_allclose(probability, 1 - sigmoid, atol=1e-5)
    clear = np.abs(score[:, 1] - 0.5) > 5e-2
    assert (rain == (label > 0.5))[clear].all()


@pytest.mark.parametrize("kernel", ["POLY", "SIGMOID"])
def test_other_kernels_run_as_they_are_and_say_so(kernel: str) -> None:
    model = old_system.svm(kernel)
    compiled = compile_pair(pair(model))
    assert compiled.notes == (f"SVMClassifier is not rewritten: its kernel is {kernel}",)
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


def test_the_order_of_support_vectors_keeps_the_sum_small() -> None:
    """float32 sums 1,000 vectors, one class and then the other, to 6e-5; neighbours in turn to 4e-6."""
    model = old_system.svm(vectors=1000, probabilities=True)
    compiled = compile_pair(pair(model))
    rows = weather_rows(400)
    _, probability = Classifier(compiled.model)(rows)
    graph = onnx.load_from_string(compiled.model).graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT, "float32 was exact enough"
    assert probability is not None
    named = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    coefficients = next(value for name, value in named.items() if name.endswith("/svm/a")).ravel()
    assert np.abs(np.cumsum(coefficients)).max() < 50, "one class after the other climbs to 250"


def test_a_rewrite_that_came_out_wrong_is_given_up_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named test double: a rewrite with a rounding fault, which no model here provokes."""
    rewritten = svm._rbf

    def faulty(z: str, write: svm._Writer, machine: svm._Svm, scaler: Scaler | None) -> svm.Parts:
        return rewritten(z, write, replace(machine, coefficients=machine.coefficients * 1.01), scaler)

    monkeypatch.setattr(svm, "_rbf", faulty)
    model = old_system.svm()
    compiled = compile_pair(pair(model))
    assert compiled.notes[0].startswith("WARNING: the original graph is served")
    assert "scores differ" in compiled.notes[0]
    rows = weather_rows(200)
    assert (Classifier(compiled.model)(rows)[0] == (original(model, OLD_SCALER, rows)[0] > 0.5)).all()


def test_a_fault_that_few_rows_show_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One narrow support vector of 300 left out: about one row in a hundred is near enough to see it."""
    rewritten = svm._rbf

    def faulty(z: str, write: svm._Writer, machine: svm._Svm, scaler: Scaler | None) -> svm.Parts:
        coefficients = machine.coefficients.copy()
        coefficients[7] = 0
        return rewritten(z, write, replace(machine, coefficients=coefficients), scaler)

    monkeypatch.setattr(svm, "_rbf", faulty)
    narrow = onnx.load_from_string(old_system.svm(probabilities=True))
    for attribute in narrow.graph.node[0].attribute:
        if attribute.name == "kernel_params":
            attribute.floats[0] = 0.6
    compiled = compile_pair(pair(narrow.SerializeToString()))
    assert compiled.notes[0].startswith("WARNING: the original graph is served")


def test_float32_that_is_not_exact_enough_gives_way_to_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named test double: products in float32 that are off by 1e-4, of which float64 knows nothing."""
    rewritten = svm._rbf

    def faulty(z: str, write: svm._Writer, machine: svm._Svm, scaler: Scaler | None) -> svm.Parts:
        factor = 1 if write.dtype is np.float64 else 1.0003
        return rewritten(z, write, replace(machine, coefficients=machine.coefficients * factor), scaler)

    monkeypatch.setattr(svm, "_rbf", faulty)
    compiled = compile_pair(pair(old_system.svm(probabilities=True)))
    assert "matrix products" in compiled.notes[0]
    kinds = {
        t.data_type for t in onnx.load_from_string(compiled.model).graph.initializer if "/svm/" in t.name
    }
    assert onnx.TensorProto.DOUBLE in kinds
    assert onnx.TensorProto.FLOAT not in kinds
