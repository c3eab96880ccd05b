"""Finds the contract's fields by the names of columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weather.contract.variables import FEATURES, UNITS
from weather.importing.errors import BadArtifact
from weather.importing.reading.vocabulary import SYNONYMS

OTHER_UNITS = (
    *("f", "fahrenheit", "k", "kelvin", "percent", "pct", "ms", "mps", "mph", "kt", "kts", "knots"),
    *("m", "metres", "meters", "mi", "mile", "miles", "ft", "feet", "inhg", "mmhg", "pa", "kpa", "bar"),
)
"""Endings of column names that mean another unit than the contract's."""


def _normalized(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().rsplit("__", 1)[-1])


FIELDS = {_normalized(name): field for field in FEATURES for name in (field, *SYNONYMS.get(field, ()))}


def field_of(name: str) -> str | None:
    """The field that a column's name means, or None if the name is unknown.

    Raises:
        BadArtifact: the name ends with another unit than the contract's.
    """
    normalized = _normalized(name)
    if normalized in FIELDS:
        return FIELDS[normalized]
    for ending in OTHER_UNITS:
        field = FIELDS.get(normalized.removesuffix(ending)) if normalized.endswith(ending) else None
        if field is not None:
            unit = "a fraction" if UNITS[field] == "1" else UNITS[field]
            raise BadArtifact(f"{name} is not in the contract's unit: {field} is {unit}; train on that")
    return None


def order_of(names: Sequence[str], what: str) -> tuple[tuple[str, ...], str]:
    """The fields of columns, in the columns' order, and a remark for the user.

    If no name is known, the columns are assumed to be in the contract's order, and the remark says so.

    Raises:
        BadArtifact: a name has another unit, two names mean the same field, or only some names are known and
            one of these is not in the contract's position.
    """
    fields = [field_of(name) for name in names]
    known = [field for field in fields if field is not None]
    if len(set(known)) < len(known) or len(names) != len(FEATURES):
        raise BadArtifact(f"{what} are {', '.join(names)}, which are ambiguous: {_wanted()}")
    if len(known) == len(FEATURES):
        remark = "" if known == list(FEATURES) else f"{what} are in the order {', '.join(known)}"
        return tuple(known), remark
    if any(field not in (None, own) for field, own in zip(fields, FEATURES, strict=True)):
        raise BadArtifact(f"{what} are {', '.join(names)}, in an order that is ambiguous: {_wanted()}")
    return FEATURES, f"{what} are {', '.join(names)}: assumed to be {', '.join(FEATURES)}, in this order"


def _wanted() -> str:
    return f"name them {', '.join(FEATURES)}"
