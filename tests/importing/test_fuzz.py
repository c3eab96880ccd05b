"""Damaged files: no code of theirs runs, nothing hangs, and what can't be read is a BadArtifact."""

from __future__ import annotations

import pickle
import tracemalloc
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from tests.importing.graphs import OLD_SCALER, pair
from tests.importing.test_scaler import ROWS
from weather.contract.variables import FEATURES
from weather.importing.compiling.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.inert_pickle import load
from weather.importing.reading.scaler import NAMES, read_scaler
from weather.model.classifier import Classifier

FIXTURES = Path(__file__).parent / "fixtures"
MODELS = ("logreg", "small_svc", "small_forest", "pipeline_div_logreg", "seven_whole_logreg", "net_softmax")
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@cache
def scalers() -> tuple[bytes, ...]:
    """A scaler with names, in every form that is not compressed, and in one that is."""
    scaler = StandardScaler().fit(pd.DataFrame(ROWS, columns=list(FEATURES)))
    forms = [pickle.dumps(scaler, protocol=n) for n in range(6)]
    for compress in (0, 3):
        file = BytesIO()
        joblib.dump(scaler, file, compress=compress)
        forms.append(file.getvalue())
    return tuple(forms)


@st.composite
def damaged(draw: st.DrawFn, contents: tuple[bytes, ...]) -> bytes:
    """One of the contents with bytes changed, and parts cut out, doubled or put in."""
    content = bytearray(draw(st.sampled_from(contents)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(("change", "change", "cut", "double", "insert"))):
            case "change":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del content[at : at + draw(st.integers(1, 40))]
            case "double":
                content[at:at] = content[at : at + draw(st.integers(1, 40))]
            case "insert":
                content[at:at] = draw(st.binary(max_size=12))
    return bytes(content)


@settings(max_examples=600, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_damaged_scalers_are_read_or_refused_and_nothing_else(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "scaler"
    path.write_bytes(data.draw(damaged(scalers())))
    tracemalloc.start()
    try:
        scaler = read_scaler(path)
    except BadArtifact:
        return
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 << 20
    assert np.isfinite(scaler.mean).all()
    assert (scaler.scale > 0).all()


@settings(max_examples=600, deadline=None)
@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from(list(b"()]}Nh\x00q\x00.tlsaube012RC\x85\x86\x87\x94K\x01X")), max_size=80).map(
        bytes
    )
)
def test_random_operations_are_read_or_refused_and_nothing_else(content: bytes) -> None:
    with suppress(BadArtifact):
        load(content, NAMES)


@settings(max_examples=250, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_damaged_models_are_compiled_or_refused_and_nothing_else(data: st.DataObject) -> None:
    contents = tuple((FIXTURES / name / "model.onnx").read_bytes() for name in MODELS)
    content = data.draw(damaged(contents) | rearranged(contents))
    try:
        compiled = compile_pair(pair(content))
    except BadArtifact:
        return
    rain, _ = Classifier(compiled.model)(OLD_SCALER.mean[None])
    assert rain.shape == (1,)


@st.composite
def rearranged(draw: st.DrawFn, contents: tuple[bytes, ...]) -> bytes:
    """One of the models with attributes or shapes that make no sense; it is sound protobuf."""
    model = onnx.load_from_string(draw(st.sampled_from(contents)))
    number = st.sampled_from([0, 1, -1, 2, 7, 100, 2**31 - 1, -(2**31), 2**62])
    for _ in range(draw(st.integers(1, 3))):
        node = draw(st.sampled_from(list(model.graph.node)))
        if not node.attribute or draw(st.booleans()):
            names = [name for n in model.graph.node for name in (*n.input, *n.output)]
            if node.input:
                node.input[draw(st.integers(0, len(node.input) - 1))] = draw(st.sampled_from(names))
            continue
        attribute = draw(st.sampled_from(list(node.attribute)))
        if attribute.ints:
            attribute.ints[draw(st.integers(0, len(attribute.ints) - 1))] = draw(number)
            del attribute.ints[len(attribute.ints) - draw(st.integers(0, 2)) :]
        elif attribute.floats:
            at = draw(st.integers(0, len(attribute.floats) - 1))
            attribute.floats[at] = draw(st.floats(width=32))
            del attribute.floats[len(attribute.floats) - draw(st.integers(0, 2)) :]
        elif attribute.type == onnx.AttributeProto.INT:
            attribute.i = draw(number)
        elif attribute.strings:
            attribute.strings[0] = draw(st.sampled_from([b"", b"LEAF", b"X", b"\xff"]))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("name", MODELS)
def test_every_truncation_of_a_model_is_refused(name: str) -> None:
    content = (FIXTURES / name / "model.onnx").read_bytes()
    for length in range(0, len(content) - 1, max(1, len(content) // 60)):
        with pytest.raises(BadArtifact):
            compile_pair(pair(content[:length]))
