"""Faults of a record that breaks the contract, as sentences that name the field and what it accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from weather.contract.variables import FEATURES, VARIABLES

EMPTY = "EOF while parsing a value at line 1 column 0"
"""What pydantic's JSON parser says of no bytes at all."""


@dataclass(frozen=True)
class Fault:
    """One fault of a request: its location (``loc``, a path into the body), a sentence, a kind."""

    loc: Sequence[str | int]
    msg: str
    type: str


def accepted(name: str) -> str:
    """The values of a field, in words: "a number from 0 to 410 km/h", "0 (dry) or 1 (raining)"."""
    variable = VARIABLES[name]
    if variable.display.states:
        return " or ".join(f"{value} ({state})" for value, state in enumerate(variable.display.states))
    unit = "" if variable.unit == "1" else f" {variable.unit}"
    note = f", {variable.display.note}" if variable.display.note else ""
    return f"{variable.display.noun} from {variable.low:g} to {variable.high:g}{unit}{note}"


def json_fault(reason: str) -> Fault:
    """A body that is not JSON. ``reason`` is that of pydantic's parser, with line and column; it repeats
    nothing of the body.
    """
    if reason == EMPTY:
        return Fault([], "the body is empty", "json_invalid")
    return Fault([], f"the body is not valid JSON: {reason}", "json_invalid")


def repeated(*path: str | int) -> Fault:
    """The last key of a path, which its object has more than once; names are cut to 64 characters."""
    loc = [part[:64] if isinstance(part, str) else part for part in path]
    return Fault(loc, f"{loc[-1]} is given more than once: give it once", "repeated_key")


def faults(error: ValidationError, *prefix: str | int, number: str = "a JSON number") -> list[Fault]:
    """Every fault of a rejected record, each naming its field and what it accepts.

    ``prefix`` is put before each location, e.g. ``("observations", 3)``; ``number`` is what a value
    should be. Values are not repeated; the name of an unknown field is, cut to 64 characters.
    """
    result: list[Fault] = []
    for item in error.errors(include_url=False):
        kind = item["type"]
        if kind == "float_type" and type(item["input"]) is int:
            kind = "finite_number"  # it has hundreds of digits; pydantic's parser of JSON says so too
        name = str(item["loc"][0])[:64] if item["loc"] else ""
        if kind == "json_invalid":
            result.append(json_fault(item["ctx"]["error"]))
            continue
        if kind == "extra_forbidden":
            message = f"{name} is not a known field; the fields are {', '.join(FEATURES)}"
        elif not name:
            message = f"expected one flat JSON object with the fields {', '.join(FEATURES)}"
        elif kind == "missing":
            message = f"{name} is missing: give {accepted(name)}"
        elif kind in ("less_than_equal", "greater_than_equal"):
            message = f"{name} is out of range: give {accepted(name)}"
        elif kind == "literal_error":
            message = f"{name} is neither 0 nor 1: give {accepted(name)}"
        elif kind == "finite_number":
            message = f"{name} is not a finite number: give {accepted(name)}"
        else:
            message = f"{name} is not {number}: give {accepted(name)}"
        result.append(Fault(loc=[*prefix, *([name] if name else [])], msg=message, type=kind))
    return result
