"""Parsing one observation; tests/end_to_end/ has the responses of the real service."""

from __future__ import annotations

import json

import pytest

from weather.contract.optional import NONE
from weather.contract.variables import EXAMPLE, FEATURES
from weather.http.problems import Problem
from weather.serving import single

GOOD = json.dumps(EXAMPLE)
ESCAPED = f"\\u{ord(FEATURES[0][0]):04x}{FEATURES[0][1:]}"


@pytest.mark.parametrize("optional", [NONE, frozenset(FEATURES[-1:])])
@pytest.mark.parametrize("again", [FEATURES[0], ESCAPED])
def test_a_repeated_key_is_refused_and_named(again: str, optional: frozenset[str]) -> None:
    """JSON parsers take the last value."""
    body = GOOD[:-1] + f', "{again}": 1}}'
    with pytest.raises(Problem) as refused:
        single.parse(body.encode(), optional)
    (fault,) = refused.value.detail
    assert (fault.loc, fault.type) == ([FEATURES[0]], "repeated_key")
    assert fault.msg == f"{FEATURES[0]} is given more than once: give it once"


@pytest.mark.parametrize("body", [GOOD, GOOD.replace(FEATURES[0], ESCAPED), f"\ufeff {GOOD}\n"])
def test_any_spelling_of_a_record_is_read(body: str) -> None:
    assert single.parse(body.encode()).model_dump() == EXAMPLE


def test_an_absent_optional_field_is_no_repetition() -> None:
    without = {name: value for name, value in EXAMPLE.items() if name != FEATURES[-1]}
    optional = frozenset(FEATURES[-1:])
    assert getattr(single.parse(json.dumps(without).encode(), optional), FEATURES[-1]) is None
