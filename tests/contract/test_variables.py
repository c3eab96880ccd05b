from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from tests.conftest import EXAMPLE
from tests.fixtures.contract import FIRST, SECOND, beyond, with_token
from weather.contract.faults import Fault, accepted, faults
from weather.contract.variables import FEATURES, LIMITS, VARIABLES, WeatherVariables


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
    assert accepted(name).startswith(f"{variable.display.noun} from {variable.low:g} to {variable.high:g}")
    assert variable.unit == "1" or f" {variable.unit}" in accepted(name)
    assert accepted(name).endswith(variable.display.note)


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


def test_every_fault_of_a_record_is_listed() -> None:
    body = json.dumps({FIRST: beyond(FIRST), SECOND: "x"})
    assert [f.loc for f in rejected(body)] == [[name] for name in FEATURES]


def test_unknown_fields_are_rejected_by_name_and_long_names_are_cut() -> None:
    (fault,) = rejected(changed(unknown_field=3))
    assert "unknown_field is not a known field" in fault.msg
    (long,) = rejected(changed(**{"x" * 10_000: 1}))
    assert len(long.msg) < 400


@pytest.mark.parametrize("body", ["", "[]", "[1,2,3]", "3", '"text"', "null", "{", '{"a": 1,}'])
def test_only_json_objects_are_accepted(body: str) -> None:
    assert rejected(body)[0].type in ("json_invalid", "model_type")


def test_values_are_not_repeated_in_messages() -> None:
    assert "secret-value" not in "".join(f.msg for f in rejected(changed(**{FIRST: "secret-value"})))
