"""Tensors to observations: both forms, every datatype, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from weather.contract.faults import accepted
from weather.contract.variables import (
    BINARY,
    EXAMPLE,
    FEATURES,
    LIMITS,
    MAX_ROWS,
    WeatherVariables,
    as_rows,
)
from weather.http.problems import Problem
from weather.open_inference.datatypes import DTYPES, FEW, as_numbers, decimals, decimals_of_many
from weather.open_inference.inputs import MATRIX, InputTensor
from weather.open_inference.inputs import observations as read

ROW = [float(EXAMPLE[name]) for name in FEATURES]
WIDTH = len(FEATURES)


def observations(tensors: list[InputTensor]) -> NDArray[np.float64]:
    """What is read, as rows also if it is one."""
    result = read(tensors)
    if isinstance(result, WeatherVariables):
        return np.array([[getattr(result, name) for name in FEATURES]])
    assert len(result) != 1, "one row goes through the queue"
    return result


def named(rows: Any = 1, shape: Any = None, **data: Any) -> list[InputTensor]:
    """A tensor a field; ``data`` replaces that of some."""
    return [
        InputTensor(
            name, "FP64", [rows, 1] if shape is None else shape, data.get(name, [EXAMPLE[name]] * rows)
        )
        for name in FEATURES
    ]


def matrix(data: Any, shape: list[int] | None = None, datatype: str = "FP64") -> list[InputTensor]:
    return [InputTensor(MATRIX, datatype, shape or [1, WIDTH], data)]


def refused(tensors: list[InputTensor]) -> list[tuple[list[str | int], str]]:
    """Place and sentence of each fault."""
    with pytest.raises(Problem) as problem:
        observations(tensors)
    assert problem.value.status == 400
    return [(list(fault.loc), fault.msg) for fault in problem.value.detail]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_named_tensors_in_any_order(shape: list[int]) -> None:
    rows = observations(named(2, shape, temp_c=[1, 2.5])[::-1])
    assert rows.dtype == np.float64
    assert rows.tolist() == [[1, *ROW[1:]], [2.5, *ROW[1:]]]


def test_nested_and_flat_data_are_the_same() -> None:
    assert (
        observations(named(2, temp_c=[[1], [2]])).tolist() == observations(named(2, temp_c=[1, 2])).tolist()
    )
    nested, flat = matrix([ROW, ROW], [2, WIDTH]), matrix([*ROW, *ROW], [2, WIDTH])
    assert observations(nested).tolist() == observations(flat).tolist() == [ROW, ROW]


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_datatype_gives_the_numbers_that_were_sent(datatype: str) -> None:
    dtype = DTYPES[datatype]
    row = ROW if dtype.kind == "f" else [1.0, *[0.0] * (WIDTH - 2), 1.0]
    tensors = named(
        **{name: as_numbers(np.array([value], dtype)) for name, value in zip(FEATURES, row, strict=True)}
    )
    tensors = [InputTensor(tensor.name, datatype, [1, 1], tensor.data) for tensor in tensors]
    if dtype.kind != "f":  # a pressure fits only into the wider ones
        tensors[FEATURES.index("pressure_millibars")] = InputTensor(
            "pressure_millibars", "INT16", [1], [1016]
        )
        row[FEATURES.index("pressure_millibars")] = 1016
    assert observations(tensors).tolist() == [row]


def test_a_table_of_columns_of_several_datatypes() -> None:
    tensors = [
        InputTensor(name, "INT64" if name == "current_weather_condition" else "FP64", [1, 1], [EXAMPLE[name]])
        for name in FEATURES
    ]
    assert observations(tensors).tolist() == [ROW]


@given(st.integers(-999_999, 999_999), st.integers(0, 9))
@example(1, 5)
@example(999_999, 0)
def test_fp32_is_read_as_the_decimal_that_it_stands_for(digits: int, places: int) -> None:
    value = float(f"{digits}e-{places}")
    assume(value == 0 or abs(value) >= 1e-5)
    assert decimals([float(np.float32(value))]) == [value]
    assert decimals_of_many(np.array([value], np.float32)).tolist() == [value]


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_fp32_of_any_value_stays_within_its_rounding(values: list[float]) -> None:
    fp32 = np.array(values, np.float32)
    result = np.array(decimals(values))
    assert np.array_equal(result.astype(np.float32), fp32, equal_nan=True)
    assert np.array_equal(decimals_of_many(fp32), result, equal_nan=True), "few and many are read alike"


def test_fp64_and_integers_are_read_as_they_are() -> None:
    for count in (1, FEW + 1):
        assert list(as_numbers(np.array([0.1 + 0.2] * count))) == [0.1 + 0.2] * count
        assert list(as_numbers(np.array([-3] * count, np.int8))) == [-3.0] * count


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_rows_are_read_alike_in_json_and_in_fp32(rows: int) -> None:
    values = np.array([ROW] * rows, np.float32)
    binary = matrix(as_numbers(values.ravel()), [rows, WIDTH], "FP32")
    assert observations(binary).tolist() == [ROW] * rows


@pytest.mark.parametrize("name", FEATURES)
def test_both_ends_of_a_range_are_accepted_in_fp32_and_the_next_number_is_refused(name: str) -> None:
    for limit, beyond in zip(LIMITS[name], (-np.inf, np.inf), strict=True):
        at = np.array([limit], np.float32)
        assert observations(named(**{name: as_numbers(at)}))[0, FEATURES.index(name)] == limit
        next_one = as_numbers(np.nextafter(at, np.float32(beyond)))
        [(loc, message)] = refused(named(**{name: next_one}))
        assert loc == ["inputs", FEATURES.index(name), "data", 0]
        assert message.startswith(f"{name} is out of range: give ")


BAD: dict[str, Any] = {
    "null": (None, "is not a JSON number"),
    "a string": ("0.5", "is not a JSON number"),
    "a boolean": (True, "is not a JSON number"),
    "an object": ({}, "is not a JSON number"),
    "NaN": (float("nan"), "is not a finite number"),
    "infinity": (float("inf"), "is not a finite number"),
    "a percentage": (65, "is out of range: give a fraction from 0 to 1, not a percentage"),
    "more than a float holds": (10**400, "humidity is "),
}


@pytest.mark.parametrize("what", BAD)
def test_an_element_that_is_no_accepted_number_is_refused_by_field_and_row(what: str) -> None:
    value, sentence = BAD[what]
    at = FEATURES.index("humidity")
    [(loc, message)] = refused(named(2, humidity=[0.5, value]))
    assert loc == ["inputs", at, "data", 1]
    assert message.startswith("humidity")
    assert sentence in message
    row = [*ROW]
    row[at] = value
    [(loc, message)] = refused(matrix([ROW, row], [2, WIDTH]))
    assert loc == ["inputs", 0, "data", 1, at]
    assert sentence in message


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("name", sorted(BINARY))
def test_a_field_of_two_states_takes_nothing_in_between(name: str, rows: int) -> None:
    for value in (0.5, 1e-10):
        [(loc, message)] = refused(named(rows, **{name: [1.0] * (rows - 1) + [value]}))
        assert loc == ["inputs", FEATURES.index(name), "data", rows - 1]
        assert message == f"{name} is neither 0 nor 1: give {accepted(name)}"
    assert observations(named(rows, **{name: [0.0] * rows}))[-1, FEATURES.index(name)] == 0


def test_every_bad_element_is_named() -> None:
    found = refused(named(3, humidity=[0.5, 65, None], temp_c=[99, 0, 0]))
    assert [loc for loc, _ in found] == [
        ["inputs", 0, "data", 0],
        ["inputs", 1, "data", 1],
        ["inputs", 1, "data", 2],
    ]


def test_at_most_a_hundred_faults_are_listed() -> None:
    assert len(refused(named(1000, humidity=[65] * 1000))) == 100


def without(name: str) -> list[InputTensor]:
    return [tensor for tensor in named() if tensor.name != name]


FORM: dict[str, tuple[list[InputTensor], str]] = {
    "no tensor": (
        [],
        f"no input tensor is known: give a tensor for each of {', '.join(FEATURES)}, or one named",
    ),
    "a missing tensor": (without("humidity"), "the tensor humidity is missing: "),
    "an unknown tensor": (
        [*named(), InputTensor("dewpoint", "FP64", [1, 1], [1])],
        "dewpoint is not a tensor of ",
    ),
    "a tensor twice": ([*named(), named()[0]], "temp_c is given twice"),
    "both forms": ([*matrix(ROW), *named()], "temp_c is not a tensor of this request"),
    "no rows": (named(0), "there are 0 observations: give 1 to 10,000"),
    "too many rows": (named(MAX_ROWS + 1), "there are 10,001 observations: give 1 to 10,000"),
    "a scalar": (named(shape=[]), "temp_c must have the shape [n] or [n, 1]"),
    "three dimensions": (named(shape=[1, 1, 1]), "temp_c must have the shape [n] or [n, 1]"),
    "two columns": (named(shape=[1, 2]), "temp_c must have the shape [n] or [n, 1]"),
    "a matrix that is a vector": (matrix(ROW, [WIDTH]), f"observations must have the shape [n, {WIDTH}]"),
    "a column too few": (matrix(ROW[1:], [1, WIDTH - 1]), f"observations must have the shape [n, {WIDTH}]"),
    "rows that differ": (
        [*without("humidity"), InputTensor("humidity", "FP64", [2], [0, 0])],
        "humidity has 2 rows",
    ),
    "more data than shape": (named(temp_c=[1, 2]), "temp_c has 2 values where its shape says 1"),
    "less data than shape": (matrix(ROW, [2, WIDTH]), "observations has 7 values where its shape says 14"),
    "nested otherwise": (
        named(2, temp_c=[[1, 2]]),
        "the data of temp_c is nested, but not as its shape says",
    ),
    "nested in a vector": (
        named(1, [1], temp_c=[[1]]),
        "the data of temp_c is nested, but not as its shape says",
    ),
    "a ragged matrix": (matrix([ROW, ROW[1:]], [2, WIDTH]), "the data of observations is nested, but not as"),
    "FP16": (matrix(ROW, datatype="FP16"), "the datatype of observations must be one of FP32, FP64, INT8"),
    "BOOL": (matrix(ROW, datatype="BOOL"), "the datatype of observations must be one of FP32, FP64, INT8"),
    "BYTES": (matrix(ROW, datatype="BYTES"), "the datatype of observations must be one of FP32, FP64, INT8"),
    "fractions as integers": (
        matrix(ROW, datatype="INT64"),
        "observations has values that are not of its datatype",
    ),
    "too wide for INT8": (matrix([0, 0, 0, 250, 0, 1016, 0], datatype="INT8"), "not of its datatype, INT8"),
    "negative and unsigned": (
        matrix([-1, 0, 0, 0, 0, 1016, 0], datatype="UINT64"),
        "not of its datatype, UINT64",
    ),
}


@pytest.mark.parametrize("what", FORM)
def test_a_request_of_another_form_is_refused(what: str) -> None:
    tensors, sentence = FORM[what]
    assert sentence in refused(tensors)[0][1]


def test_an_unknown_name_is_cut() -> None:
    [(_, message)] = refused([*named(), InputTensor("x" * 1000, "FP64", [1, 1], [1])])
    assert message.startswith("x" * 64 + " is not")


OPTIONAL = frozenset(["visibility_km"])
AT = FEATURES.index("visibility_km")


def as_array(tensors: list[InputTensor]) -> NDArray[np.float64]:
    result = read(tensors, OPTIONAL)
    return as_rows([result]) if isinstance(result, WeatherVariables) else result


@pytest.mark.parametrize("rows", [1, 3])
def test_the_tensor_of_an_optional_field_may_be_left_out(rows: int) -> None:
    tensors = [tensor for tensor in named(rows) if tensor.name not in OPTIONAL]
    expected = [[*ROW[:AT], np.nan, *ROW[AT + 1 :]]] * rows
    np.testing.assert_array_equal(as_array(tensors), expected)
    [(loc, message)] = refused(tensors)
    assert loc == ["inputs"]
    assert message.startswith("the tensor visibility_km is missing: ")


@pytest.mark.parametrize("rows", [1, 3])
def test_nan_in_an_optional_field_is_a_missing_value(rows: int) -> None:
    row = [*ROW[:AT], np.nan, *ROW[AT + 1 :]]
    data = np.array([ROW] * (rows - 1) + [row])
    for elements in (data.ravel(), data.ravel().tolist()):
        np.testing.assert_array_equal(as_array(matrix(elements, [rows, WIDTH])), data)
    [(loc, message)] = refused(matrix(data.ravel(), [rows, WIDTH]))
    assert loc == ["inputs", 0, "data", rows - 1, AT]
    assert "is not a finite number" in message


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("what", [name for name in BAD if "NaN" not in name and "percentage" not in name])
def test_anything_else_in_an_optional_field_is_refused(what: str, rows: int) -> None:
    value, _ = BAD[what]
    with pytest.raises(Problem) as problem:
        read(named(rows, visibility_km=[1.0] * (rows - 1) + [value]), OPTIONAL)
    [fault] = problem.value.detail
    assert fault.loc == ["inputs", AT, "data", rows - 1]
    assert fault.msg.startswith("visibility_km is ")


def test_nan_in_another_field_is_refused_where_one_is_optional() -> None:
    with pytest.raises(Problem) as problem:
        read(named(2, humidity=[0.5, np.nan]), OPTIONAL)
    [fault] = problem.value.detail
    assert "humidity is not a finite number" in fault.msg
