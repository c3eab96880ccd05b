"""Records in which some fields may be missing: what is accepted then, and that nothing else is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from tests.fixtures.contract import FIRST, SECOND, beyond
from weather.contract.faults import accepted, faults
from weather.contract.optional import NONE, observations_type, optional_fields, record_type
from weather.contract.variables import EXAMPLE, FEATURES, LIMITS, Observations, WeatherVariables, as_rows

RECORD = record_type(frozenset([FIRST]))
ABSENT = {name: value for name, value in EXAMPLE.items() if name != FIRST}


def messages(record: dict[str, object]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        RECORD.model_validate_json(json.dumps(record))
    return [fault.msg for fault in faults(caught.value)]


def test_where_nothing_is_optional_the_types_are_those_of_the_contract() -> None:
    assert record_type(NONE) is WeatherVariables
    assert observations_type(NONE) is Observations


@pytest.mark.parametrize("record", [ABSENT, {**EXAMPLE, FIRST: None}], ids=["absent", "null"])
def test_a_missing_value_is_nan_in_its_column_only(record: dict[str, object]) -> None:
    rows = as_rows([RECORD.model_validate(record), RECORD.model_validate(EXAMPLE)])
    assert rows.dtype == np.float64
    assert np.isnan(rows).nonzero() == (np.array([0]), np.array([FEATURES.index(FIRST)]))
    assert rows[0, 1:].tolist() == rows[1, 1:].tolist() == [EXAMPLE[name] for name in FEATURES[1:]]


def test_the_limits_and_sentences_of_an_optional_field_are_unchanged() -> None:
    for end in LIMITS[FIRST]:
        assert getattr(RECORD.model_validate({**EXAMPLE, FIRST: end}), FIRST) == end
    assert messages({**EXAMPLE, FIRST: beyond(FIRST)}) == [f"{FIRST} is out of range: give {accepted(FIRST)}"]
    assert messages({**EXAMPLE, FIRST: "1"}) == [f"{FIRST} is not a JSON number: give {accepted(FIRST)}"]
    assert messages({**EXAMPLE, FIRST: np.nan}) == [f"{FIRST} is not a finite number: give {accepted(FIRST)}"]


def test_other_fields_stay_required_and_unknown_ones_refused() -> None:
    assert messages({}) == [f"{name} is missing: give {accepted(name)}" for name in FEATURES[1:]]
    assert messages({**ABSENT, SECOND: None}) == [f"{SECOND} is not a JSON number: give {accepted(SECOND)}"]
    assert "dewpoint is not a known field" in messages({**ABSENT, "dewpoint": 1})[0]


def test_the_schema_says_which_fields_may_be_missing() -> None:
    schema = RECORD.model_json_schema()
    assert schema["title"] == "WeatherVariables"
    assert tuple(schema["properties"]) == FEATURES
    assert schema["required"] == list(FEATURES[1:])
    number, null = schema["properties"][FIRST]["anyOf"]
    assert (number["minimum"], number["maximum"]) == LIMITS[FIRST]
    assert null == {"type": "null"}
    assert "null or absent" in schema["properties"][FIRST]["description"]


def test_the_optional_fields_are_those_of_the_manifest() -> None:
    assert optional_fields({}) == NONE
    assert optional_fields({"golden": []}) == NONE
    assert optional_fields({"optional": [SECOND, "dewpoint"]}) == {SECOND}
