from __future__ import annotations

import asyncio

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conftest import EXAMPLE
from weather.contract.variables import FEATURES, WeatherVariables
from weather.model.classifier import INPUT, RAIN, Classifier
from weather.serving import bulk

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
    assert above_a_tenth(element).forecast([WeatherVariables(**TENTH)])[0].prediction == "No_Rain"


def test_rows_keep_float64_from_the_body_to_the_graph() -> None:
    graph = above_a_tenth(TensorProto.DOUBLE)
    values = ",".join(str(TENTH[name]) for name in FEATURES)
    csv = f"{','.join(FEATURES)}\n{values}\n".encode()
    record = "{" + ",".join(f'"{name}":{TENTH[name]}' for name in FEATURES) + "}"
    for parse, body in (
        (bulk.parse_csv, csv),
        (bulk.parse_json, f'{{"observations":[{record}]}}'.encode()),
    ):
        rows = asyncio.run(parse(body))
        assert rows.dtype == np.float64
        assert graph.decide(rows)[0] == [False]
    rows[0, 0] = np.float32(0.1)
    assert graph.decide(rows)[0] == [True], "a row that was float32 on its way"
