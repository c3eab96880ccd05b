"""What a fork is asked for, ``fields.toml``: title, class words, fields with units and ranges."""

from __future__ import annotations

import keyword
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

MAX_FIELDS = 100
"""One record of so many fields fits the limit of a request's body, 16 KiB."""

RESERVED = frozenset({"prediction", "probability", "label", "observations", "observation"})
"""Names that bodies, CSV columns and tensors have already."""

TEXT = r"""^[^\n\r"\\]*$"""
"""Texts stand in Python, TOML and HTML: one line, without double quotes and backslashes."""

Number = Annotated[float, Field(allow_inf_nan=False)]
DIGITS = 6
"""Of the ends of a range: the messages of the service show no more."""
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=TEXT)]
Sentences = Annotated[Text, AfterValidator(lambda text: text if text[-1] in ".!?" else f"{text}.")]
"""README and page go on after it, so it ends with a full stop."""
Word = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
"""A class word is a value in CSV, a label of metrics and a constant in code; the page shows _ as a blank."""


class BadFields(ValueError):
    """A fields.toml that no project can be made of; its text says why, a line for each fault."""


def _field_name(name: str) -> str:
    if keyword.iskeyword(name) or name in RESERVED or name.startswith("model_") or hasattr(BaseModel, name):
        raise ValueError(f"{name} is taken; choose another name")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FieldDeclaration(_Strict):
    """One input of the model, a number within a range, or a flag that is 0 or 1."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$"), AfterValidator(_field_name)]
    label: Text
    description: Text
    kind: Literal["number", "flag"] = "number"
    unit: Text = "1"
    minimum: Number = 0
    maximum: Number = 1
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1
    example: Number
    states: Annotated[list[Text], Field(min_length=2, max_length=2)] = ["no", "yes"]
    note: Annotated[str, Field(max_length=200, pattern=TEXT)] = ""
    optional: bool = False
    column: Text | None = None
    """Its column in the training data, by default its name."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = self.model_fields_set
        if self.kind == "flag":
            if unwanted := sorted(given & {"unit", "minimum", "maximum", "step"}):
                raise ValueError(f"a flag is 0 or 1 and has no {' or '.join(unwanted)}")
            if self.example not in (0, 1):
                raise ValueError("its example must be 0 or 1")
            if self.optional:
                raise ValueError("a flag can't be optional: the page has a switch for it, on or off")
        else:
            if missing := [name for name in ("minimum", "maximum") if name not in given]:
                raise ValueError(f"a number needs {' and '.join(missing)}")
            if "states" in given:
                raise ValueError("states are the words for 0 and 1 of a flag, and this is a number")
            for name, end in (("minimum", self.minimum), ("maximum", self.maximum)):
                if float(f"{end:.{DIGITS}g}") != end:
                    raise ValueError(f"its {name} {end!r} has more than {DIGITS} digits, give a rounder one")
            if self.minimum >= self.maximum:
                raise ValueError(f"its minimum {self.minimum:g} is not below its maximum {self.maximum:g}")
            if not self.minimum <= self.example <= self.maximum:
                raise ValueError(
                    f"its example {self.example:g} is not within {self.minimum:g} to {self.maximum:g}"
                )
        return self


class Target(_Strict):
    """The two classes, and where the training data has them."""

    positive: Word
    negative: Word
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The positive class is predicted above this probability. With costs: that of a false alarm, divided
    by the sum of that and the cost of a miss."""
    column: Text = "target"
    positive_values: list[str | int] | None = None
    """Values of the column that mean the positive class; every other value means the negative one."""
    at_least: Number | None = None
    """Numbers from here on mean the positive class."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.positive.lower() == self.negative.lower():
            raise ValueError("the words of the two classes must differ")
        if self.positive_values is not None and self.at_least is not None:
            raise ValueError("give positive_values or at_least, not both")
        return self


class Declaration(_Strict):
    """A whole fields.toml."""

    title: Text
    summary: Sentences
    question: Text
    """The heading of the page, without its question mark."""
    horizon_hours: Annotated[int, Field(ge=1)] | None = None
    """If the question is of the next hours; the heading adds them."""
    target: Target
    fields: Annotated[list[FieldDeclaration], Field(min_length=2, max_length=MAX_FIELDS)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, values in (
            ("name", [field.name for field in self.fields]),
            ("column", [self.target.column, *(field.column or field.name for field in self.fields)]),
        ):
            if twice := sorted({value for value in values if values.count(value) > 1}):
                raise ValueError(f"the {what} {twice[0]} stands there twice")
        if all(field.kind == "flag" for field in self.fields):
            raise ValueError("at least one field must be a number")
        return self


def read(path: Path) -> Declaration:
    """The declaration in a file.

    Raises:
        BadFields: the file can't be read, is not TOML, or does not declare a project.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFields(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadFields(f"{path} is not TOML: {error}") from error
    try:
        return Declaration.model_validate(content)
    except ValidationError as error:
        lines = [f"{path}: {_sentence(item, content)}" for item in error.errors(include_url=False)]
        raise BadFields("\n".join(lines)) from None


def _sentence(fault: Any, content: dict[str, Any]) -> str:
    where = _place(fault["loc"], content)
    kind, last = fault["type"], str(fault["loc"][-1]) if fault["loc"] else ""
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is not a known key"
    if last == "kind":
        return (
            f"{where} {fault['input']!r} is not supported: a field is a number or a flag (0 or 1); "
            "give whole numbers the kind number and a step of 1, a category of n values n flags"
        )
    if kind == "value_error":
        return f"{where}: {fault['ctx']['error']}" if where else str(fault["ctx"]["error"])
    if kind == "string_pattern_mismatch" and last in ("name", "positive", "negative"):
        letters = "lower-case letters" if last == "name" else "letters"
        return f"{where} {fault['input']!r} must be {letters}, digits and underscores, a letter first"
    if kind == "string_pattern_mismatch":
        return f"{where} {fault['input']!r} must be one line without double quotes and backslashes"
    return f"{where}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"


def _place(location: Sequence[str | int], content: dict[str, Any]) -> str:
    """A fault's location, a field by its name: ``field petal_width_cm, maximum``."""
    if len(location) >= 2 and location[0] == "fields" and isinstance(location[1], int):
        field = content["fields"][location[1]]
        name = field.get("name") if isinstance(field, dict) else None
        first = f"field {name}" if isinstance(name, str) else f"field {location[1] + 1}"
        return ", ".join([first, *map(str, location[2:])])
    return ", ".join(map(str, location))
