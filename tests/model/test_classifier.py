"""``Classifier``: the tests' pair, one without calibration, and graphs of float32 and float64 input."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.conftest import EXAMPLE
from tests.fixtures.contract import NUMERIC
from weather.contract import names
from weather.contract.variables import FEATURES, LABELS, LIMITS, NEGATIVE, WeatherVariables, as_rows
from weather.model.classifier import CHUNK, INPUT, RAIN, Classifier, session
from weather.serving.bulk_csv import parse_csv
from weather.serving.bulk_json import parse_json
from weather.serving.configuration import MAX_BATCH_SIZE

TENTH = {**EXAMPLE, FEATURES[0]: 0.1}
"""As float32 the first field is 0.10000000149, which is above 0.1."""


def above_a_tenth(element: int) -> Classifier:
    """Rain where the first field is above 0.1, computed in float32 or float64."""
    dtype = helper.tensor_dtype_to_np_dtype(element)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", [INPUT, "first"], ["field"], axis=1),
            helper.make_node("Greater", ["field", "tenth"], [RAIN]),
        ],
        "above a tenth",
        [helper.make_tensor_value_info(INPUT, element, [None, len(FEATURES)])],
        [helper.make_tensor_value_info(RAIN, TensorProto.BOOL, [None])],
        [
            numpy_helper.from_array(np.array(0, np.int64), "first"),
            numpy_helper.from_array(np.array(np.nextafter(0.1, 1), dtype), "tenth"),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    return Classifier(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_a_graph_gets_rows_in_the_type_that_it_declares(element: int) -> None:
    assert above_a_tenth(element).forecast([WeatherVariables(**TENTH)])[0].prediction == NEGATIVE


def test_rows_keep_float64_from_the_body_to_the_graph() -> None:
    graph = above_a_tenth(TensorProto.DOUBLE)
    values = ",".join(str(TENTH[name]) for name in FEATURES)
    csv = f"{','.join(FEATURES)}\n{values}\n".encode()
    record = "{" + ",".join(f'"{name}":{TENTH[name]}' for name in FEATURES) + "}"
    for parse, body in (
        (parse_csv, csv),
        (parse_json, f'{{"observations":[{record}]}}'.encode()),
    ):
        rows = asyncio.run(parse(body))
        assert rows.dtype == np.float64
        assert graph.decide(rows)[0] == [False]
    rows[0, 0] = np.float32(0.1)
    assert graph.decide(rows)[0] == [True], "a row that was float32 on its way"


def rows_of(count: int) -> NDArray[np.float64]:
    """``count`` different observations."""
    low, high = LIMITS[NUMERIC[0]]
    records = [{**EXAMPLE, NUMERIC[0]: low + (high - low) * i / count} for i in range(count)]
    return as_rows([WeatherVariables(**record) for record in records])


def compiled(home: Path) -> bytes:
    (file,) = (home / "models" / names.CLASSIFIER).glob(f"*/{names.COMPILED_FILE}")
    return file.read_bytes()


@pytest.fixture(scope="module")
def uncalibrated(old_home: Path) -> Classifier:
    return Classifier(compiled(old_home))


def test_sessions_use_one_thread_of_the_processor(bentoml_home: Path) -> None:
    made = session(compiled(bentoml_home))
    options = made.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert made.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_many_rows_get_the_answers_of_single_rows(classifier: Classifier, count: int) -> None:
    rows = rows_of(count)
    decisions, probability = classifier(rows)
    assert probability is not None
    assert decisions.shape == probability.shape == (count,)
    for i in range(0, count, max(1, count // 50)):
        decision, single = classifier(rows[i : i + 1])
        assert single is not None
        assert decisions[i] == decision[0]
        assert probability[i] == pytest.approx(single[0], abs=2e-6)


def test_a_full_batch_is_computed_at_once() -> None:
    assert MAX_BATCH_SIZE <= CHUNK


def test_forecasts_are_the_labels_of_the_decisions(classifier: Classifier) -> None:
    rows = rows_of(5)
    decisions, probability = classifier.decide(rows)
    observations = [WeatherVariables(**dict(zip(FEATURES, row, strict=True))) for row in rows.tolist()]
    forecasts = classifier.forecast(observations)
    assert [f.prediction for f in forecasts] == [LABELS[decision] for decision in decisions]
    assert [f.probability for f in forecasts] == probability
    assert all(p == round(p, 6) for p in probability if p is not None)


def test_without_calibration_there_is_no_probability(
    uncalibrated: Classifier, classifier: Classifier
) -> None:
    assert classifier.calibrated
    assert not uncalibrated.calibrated
    for count in (3, CHUNK + 3):
        assert uncalibrated(rows_of(count))[1] is None
        decisions, probabilities = uncalibrated.decide(rows_of(count))
        assert len(decisions) == count
        assert probabilities == [None] * count


def test_each_batch_is_reported_once(bentoml_home: Path) -> None:
    reported: list[tuple[object, ...]] = []
    classifier = Classifier(compiled(bentoml_home))
    classifier.on_batch = lambda *arguments: reported.append(arguments)
    rows = rows_of(CHUNK + 1)
    decisions, probabilities = classifier.decide(rows)
    ((theirs, decided, probability, seconds),) = reported
    assert theirs is rows
    assert decided.tolist() == decisions  # type: ignore[attr-defined]
    assert probability.astype(np.float64).round(6).tolist() == probabilities  # type: ignore[attr-defined]
    assert isinstance(seconds, float)
    assert 0 < seconds < 60
