"""What the declaration of the contract's fields is made of; the declaration itself is in ``fields``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field


@dataclass(frozen=True)
class Display:
    """How people see a variable: on the page, and in the message about a value that is not accepted."""

    label: str
    step: float = 0.1
    """Resolution of the page's input and slider."""
    noun: str = "a number"
    note: str = ""
    """Added to ``noun`` and range: "a fraction from 0 to 1, not a percentage (65 % is 0.65)"."""
    states: tuple[str, str] | None = None
    """Words for 0 and 1, for a variable that is one of the two in training data; the page has a switch."""


def number(low: float, high: float, unit: str, description: str) -> Any:
    """A JSON number within a range, both ends inclusive. ``unit`` is ``1`` for a dimensionless one."""
    return Field(
        ge=low,
        le=high,
        strict=True,
        allow_inf_nan=False,
        description=description,
        json_schema_extra={"unit": unit},
    )


@dataclass(frozen=True)
class Example:
    """One observation, where and when it was made, and what followed."""

    title: str
    summary: str
    observation: dict[str, float]
    outcome: str
    place: str = ""
    time: datetime | None = None
