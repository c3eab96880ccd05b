"""What the declaration of the contract's fields is made of; the declaration itself is in ``fields``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


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
    """Words for 0 and 1. A variable that has them accepts no other value; the page has a switch."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the number, and 0 or 1 of a variable with states.

        ``multiple_of`` is 30 ns faster, but takes 1e-10 for 0.
        """
        schema = handler(source)
        if self.states is None:
            return schema
        return core_schema.chain_schema([schema, core_schema.literal_schema([0.0, 1.0])])

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """That of the number, with the two values of a variable with states."""
        if self.states is None:
            return handler(schema)
        return {**handler(schema["steps"][0]), "enum": [0, 1]}


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
    data: str = ""
    """Name of the training data that it is of: the page has it for models of these only. Empty: for any."""
    horizon_hours: int | None = None
    """Of ``outcome``, which is said of models of this horizon only. None: of any."""
