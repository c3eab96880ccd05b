from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from tests.conftest import EXAMPLE
from tests.fixtures.contract import FIRST, SECOND, beyond, with_token
from weather.contract.faults import Fault, accepted, faults
from weather.contract.variables import (
    BINARY,
    FEATURES,
    LIMITS,
    UNITS,
    VARIABLES,
    WeatherVariables,
    accepted_values,
    as_rows,
)


def rejected(body: str | bytes) -> list[Fault]:
    with pytest.raises(ValidationError) as caught:
        WeatherVariables.model_validate_json(body)
    return faults(caught.value)


def changed(**fields: object) -> str:
    return json.dumps({**EXAMPLE, **fields})


def test_the_example_is_accepted() -> None:
    assert WeatherVariables.model_validate_json(json.dumps(EXAMPLE)).model_dump() == EXAMPLE


@pytest.mark.parametrize("name", FEATURES)
def test_both_ends_of_each_range_are_accepted(name: str) -> None:
    for end in LIMITS[name]:
        record = WeatherVariables.model_validate_json(changed(**{name: end}))
        assert getattr(record, name) == end


@pytest.mark.parametrize("name", FEATURES)
def test_values_just_outside_the_range_are_rejected_with_field_and_range(name: str) -> None:
    low, high = LIMITS[name]
    for outside in (math.nextafter(low, -math.inf), math.nextafter(high, math.inf)):
        (fault,) = rejected(changed(**{name: outside}))
        assert fault.loc == [name]
        assert fault.msg.startswith(f"{name} is out of range")
        assert f"{low:g}" in fault.msg
        assert f"{high:g}" in fault.msg


@pytest.mark.parametrize("name", FEATURES)
def test_the_message_has_noun_range_unit_and_note(name: str) -> None:
    (fault,) = rejected(changed(**{name: beyond(name)}))
    variable = VARIABLES[name]
    assert fault.msg == f"{name} is out of range: give {accepted(name)}"
    if name in BINARY:
        assert variable.display.states is not None
        assert accepted(name) == "0 ({}) or 1 ({})".format(*variable.display.states)
        return
    assert accepted(name).startswith(f"{variable.display.noun} from {variable.low:g} to {variable.high:g}")
    assert variable.unit == "1" or f" {variable.unit}" in accepted(name)
    assert accepted(name).endswith(variable.display.note)


@pytest.mark.parametrize("name", sorted(BINARY))
@pytest.mark.parametrize("token", ["0.5", "1e-10", "5e-324", "0.9999999999999999"])
def test_a_field_of_two_states_accepts_nothing_in_between(name: str, token: str) -> None:
    body = changed(**{name: 7}).replace(f'"{name}": 7', f'"{name}": {token}')
    message = f"{name} is neither 0 nor 1: give {accepted(name)}"
    assert rejected(body) == [Fault([name], message, "literal_error")]
    schema = WeatherVariables.model_json_schema()["properties"][name]
    assert (schema["type"], schema["enum"]) == ("number", [0, 1])


@pytest.mark.parametrize("name", sorted(BINARY))
def test_a_field_of_two_states_accepts_0_and_1_as_any_json_number(name: str) -> None:
    for token in ("0", "1", "0.0", "1.0", "1e0", "-0.0"):
        body = changed(**{name: 7}).replace(f'"{name}": 7', f'"{name}": {token}')
        assert getattr(WeatherVariables.model_validate_json(body), name) == float(token)
    for token in ("true", "false", '"1"', "null"):
        body = changed(**{name: 7}).replace(f'"{name}": 7', f'"{name}": {token}')
        assert [fault.type for fault in rejected(body)] == ["float_type"]


def test_values_of_many_rows_are_accepted_as_those_of_a_record() -> None:
    good = [float(EXAMPLE[name]) for name in FEATURES]
    for column, name in enumerate(FEATURES):
        for value in (*LIMITS[name], *np.nextafter(LIMITS[name], [-np.inf, np.inf]), 0.5, np.nan, np.inf):
            row = [*good[:column], value, *good[column + 1 :]]
            try:
                WeatherVariables.model_validate(dict(zip(FEATURES, row, strict=True)))
            except ValidationError:
                expected = False
            else:
                expected = True
            assert accepted_values(np.array([row])).tolist() == [
                [True] * column + [expected] + [True] * (len(FEATURES) - column - 1)
            ]
            optional = accepted_values(np.array([row]), frozenset([name]))
            assert optional.all() == (expected or np.isnan(value))


@pytest.mark.parametrize("value", ["1", True, None, [1], {}])
def test_only_numbers_are_accepted(value: object) -> None:
    (fault,) = rejected(changed(**{FIRST: value}))
    assert fault.loc == [FIRST]
    assert "not a JSON number" in fault.msg


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_only_finite_numbers_are_accepted(token: str) -> None:
    (fault,) = rejected(with_token(token))
    assert fault.loc == [FIRST]
    assert "not a finite number" in fault.msg


def test_an_integer_of_hundreds_of_digits_is_no_finite_number_whoever_parsed_it() -> None:
    (parsed,) = rejected(with_token("9" * 400))
    with pytest.raises(ValidationError) as caught:
        WeatherVariables.model_validate({**EXAMPLE, FIRST: 10**400})
    assert faults(caught.value) == [parsed]
    assert parsed.msg == f"{FIRST} is not a finite number: give {accepted(FIRST)}"


def test_every_fault_of_a_record_is_listed() -> None:
    body = json.dumps({FIRST: beyond(FIRST), SECOND: "x"})
    assert [f.loc for f in rejected(body)] == [[name] for name in FEATURES]


def test_unknown_fields_are_rejected_by_name_and_long_names_are_cut() -> None:
    (fault,) = rejected(changed(unknown_field=3))
    assert "unknown_field is not a known field" in fault.msg
    (long,) = rejected(changed(**{"x" * 10_000: 1}))
    assert len(long.msg) < 200 + len(", ".join(FEATURES))


@pytest.mark.parametrize("body", ["", "[]", "[1,2,3]", "3", '"text"', "null", "{", '{"a": 1,}'])
def test_only_json_objects_are_accepted(body: str) -> None:
    assert rejected(body)[0].type in ("json_invalid", "model_type")


def test_values_are_not_repeated_in_messages() -> None:
    assert "secret-value" not in "".join(f.msg for f in rejected(changed(**{FIRST: "secret-value"})))


NAMES = ", ".join(FEATURES)


@pytest.mark.parametrize(
    ("body", "loc", "kind", "message"),
    [
        ("", [], "json_invalid", "the body is empty"),
        (
            "{",
            [],
            "json_invalid",
            "the body is not valid JSON: EOF while parsing an object at line 1 column 1",
        ),
        ("[]", [], "model_type", f"expected one flat JSON object with the fields {NAMES}"),
        (
            changed(unknown_field=1),
            ["unknown_field"],
            "extra_forbidden",
            f"unknown_field is not a known field; the fields are {NAMES}",
        ),
        (
            changed(**{"x" * 65: 1}),
            ["x" * 64],
            "extra_forbidden",
            f"{'x' * 64} is not a known field; the fields are {NAMES}",
        ),
        (
            json.dumps({k: v for k, v in EXAMPLE.items() if k != FIRST}),
            [FIRST],
            "missing",
            f"{FIRST} is missing: give {accepted(FIRST)}",
        ),
        (
            with_token("NaN"),
            [FIRST],
            "finite_number",
            f"{FIRST} is not a finite number: give {accepted(FIRST)}",
        ),
        (with_token("true"), [FIRST], "float_type", f"{FIRST} is not a JSON number: give {accepted(FIRST)}"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_each_kind_of_fault_has_its_sentence(body: str, loc: list[str], kind: str, message: str) -> None:
    assert rejected(body) == [Fault(loc=loc, msg=message, type=kind)]


def test_locations_begin_with_the_prefix_and_the_noun_can_be_another() -> None:
    with pytest.raises(ValidationError) as caught:
        WeatherVariables.model_validate({**EXAMPLE, FIRST: "x"})
    (fault,) = faults(caught.value, "observations", 3, number="a number")
    assert fault.loc == ["observations", 3, FIRST]
    assert fault.msg == f"{FIRST} is not a number: give {accepted(FIRST)}"
    with pytest.raises(ValidationError) as caught:
        WeatherVariables.model_validate([])
    (fault,) = faults(caught.value, "observations", 3)
    assert fault.loc == ["observations", 3]


def test_derived_tables_are_in_the_order_of_the_fields() -> None:
    assert tuple(VARIABLES) == tuple(LIMITS) == tuple(UNITS) == FEATURES == tuple(EXAMPLE)
    properties = WeatherVariables.model_json_schema()["properties"]
    for name in FEATURES:
        schema = properties[name]
        assert (schema["minimum"], schema["maximum"]) == LIMITS[name]
        assert schema["unit"] == UNITS[name] == VARIABLES[name].unit
        assert schema["description"] == VARIABLES[name].description
        assert (name in BINARY) == (VARIABLES[name].display.states is not None)


def test_rows_have_the_values_in_the_order_of_the_fields() -> None:
    reordered = WeatherVariables(**dict(reversed(EXAMPLE.items())))
    rows = as_rows([reordered, reordered])
    assert rows.dtype == np.float64
    assert rows.tolist() == [[float(EXAMPLE[name]) for name in FEATURES]] * 2
