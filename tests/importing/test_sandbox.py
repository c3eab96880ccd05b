"""The process that compiles: what comes back, and what ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests import old_system
from tests.importing.graphs import OLD_SCALER, graph, pair
from weather.importing.compiling import sandbox
from weather.importing.compiling.compiler import compile_pair
from weather.importing.compiling.sandbox import compile_in_subprocess
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.hints import Hints
from weather.importing.reading.scaler import Scaler


def test_it_compiles_as_this_process_does(artifacts: Artifacts) -> None:
    apart, here = compile_in_subprocess(artifacts), compile_pair(artifacts)
    assert apart.model == here.model
    assert (apart.lines, apart.notes, apart.calibrated) == (here.lines, here.notes, here.calibrated)
    assert apart.facts == here.facts
    assert apart.scaler is not None
    assert artifacts.scaler is not None
    assert (apart.scaler.mean == artifacts.scaler.mean).all()


def test_hints_and_remarks_get_there() -> None:
    scaler = Scaler(OLD_SCALER.mean, OLD_SCALER.scale, remarks=("a remark",))
    compiled = compile_in_subprocess(pair(old_system.svm(), scaler, Hints(rain_label="0")))
    assert compiled.facts["label"]["rain"] == 0
    assert "a remark" in compiled.lines


def test_a_refusal_is_the_same() -> None:
    with pytest.raises(BadArtifact, match=r"it must be float\[n, 7\]"):
        compile_in_subprocess(pair(old_system.svm(features=5)))


def endless() -> bytes:
    """A graph that loops for ever; shape inference and the checker have nothing against it."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["p"], ["q"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("p", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("q", TensorProto.FLOAT, None),
        ],
    )
    nodes = [helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)]
    return graph(nodes, [("y", TensorProto.FLOAT, [None, 7])], {"true": np.array(True)})


@pytest.mark.slow("waits for a time limit")
def test_a_graph_that_loops_for_ever_is_given_up() -> None:
    with pytest.raises(BadArtifact, match="can't be checked in 20 s"):
        compile_in_subprocess(pair(endless()), seconds=20)


def test_a_graph_that_wants_a_terabyte_is_refused() -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["zero"]),
        helper.make_node("Add", ["x", "zero"], ["y"]),
    ]
    model = graph(nodes, [("y", TensorProto.FLOAT, [None, 7])], {"size": np.array([1 << 38], np.int64)})
    with pytest.raises(BadArtifact, match=r"ONNX Runtime can't run the model|needs more memory"):
        compile_in_subprocess(pair(model))


def test_a_crash_is_a_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A named test double: an interpreter that kills itself, as a fault in native code would."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nkill -{int(signal.SIGSEGV)} $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(BadArtifact, match=r"crashed on the model \(SIGSEGV\)"):
        compile_in_subprocess(pair(old_system.svm()))


def test_stdout_has_the_answer_alone() -> None:
    """ONNX Runtime prints to stdout when it can't make a session of a graph."""
    model = onnx.load_from_string(old_system.svm())
    model.graph.node[0].op_type = "NoSuchOperation"
    with pytest.raises(BadArtifact, match=r"not valid ONNX|can't run the model"):
        compile_in_subprocess(pair(model.SerializeToString()))
    request: dict[str, object] = {
        "scaler": None,
        "remarks": [],
        "model": "",
        "manifest": None,
        "hints": {},
        "memory": 8 << 30,
    }
    program = f"import os, sys; from {sandbox.__name__} import main; main(); os.write(1, b'lost')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.startswith('{"error": "the model is truncated or not ONNX')
    assert "lost" not in done.stdout
