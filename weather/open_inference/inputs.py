"""Input tensors to observations; names, number and accepted ranges follow from the request contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from weather.contract.faults import Fault, faults
from weather.contract.variables import FEATURES, LIMITS, MAX_ROWS, WeatherVariables
from weather.http.limits import MAX_FAULTS
from weather.http.problems import bad_request
from weather.open_inference.datatypes import DTYPES, as_float64

MATRIX = "observations"
"""The tensor that holds all fields, a column each; alternatively each field has a tensor of its own."""

LOW, HIGH = np.array([LIMITS[name] for name in FEATURES]).T

EXPECTED = (
    f"give a tensor for each of {', '.join(FEATURES)}, or one named {MATRIX} of shape [n, {len(FEATURES)}]"
)


Loc = list[str | int]
"""A path into the body of a request."""


@dataclass(frozen=True)
class InputTensor:
    """One input of a request.

    ``data`` is a list from JSON, flat or nested as ``shape`` says, or a flat array of numbers.
    """

    name: str
    datatype: str
    shape: Sequence[int]
    data: list[Any] | NDArray[Any]


@dataclass(frozen=True)
class Block:
    """A tensor whose form has been checked: its position, columns among FEATURES, rows, and flat elements."""

    index: int
    tensor: InputTensor
    columns: list[int]
    rows: int
    elements: list[Any] | NDArray[Any]

    def loc(self, row: int, column: int) -> Loc:
        """The path to an element."""
        end = [column] if self.tensor.name == MATRIX else []
        return ["inputs", self.index, "data", row, *end]


def observations(tensors: Sequence[InputTensor]) -> NDArray[np.float64]:
    """float64[n, 7] in the contract's units and order, all within the accepted ranges.

    Raises:
        Problem: 400, with every fault, up to MAX_FAULTS of them.
    """
    blocks, found = arrange(tensors)
    if found:
        raise bad_request(found[:MAX_FAULTS])
    rows = np.empty((blocks[0].rows, len(FEATURES)))
    for block in blocks:
        rows[:, block.columns] = numbers(block.elements).reshape(block.rows, len(block.columns))
    accepted = (rows >= LOW) & (rows <= HIGH)
    if accepted.all():
        return rows
    refused = np.flatnonzero(~accepted.all(axis=1)).tolist()
    raise bad_request(list(islice(value_faults(blocks, rows, refused), MAX_FAULTS)))


def arrange(tensors: Sequence[InputTensor]) -> tuple[list[Block], list[Fault]]:
    """The tensors as blocks of columns, after names, datatypes, shapes and sizes have been checked."""
    matrix = any(tensor.name == MATRIX for tensor in tensors)
    columns = (
        {MATRIX: list(range(len(FEATURES)))} if matrix else {name: [at] for at, name in enumerate(FEATURES)}
    )
    blocks: list[Block] = []
    found: list[Fault] = []
    seen: set[str] = set()
    for index, tensor in enumerate(tensors):
        place: Loc = ["inputs", index]
        if tensor.name not in columns:
            name = tensor.name[:64]
            found.append(
                Fault(
                    [*place, "name"], f"{name} is not a tensor of this request: {EXPECTED}", "unknown_tensor"
                )
            )
        elif tensor.name in seen:
            found.append(Fault([*place, "name"], f"{tensor.name} is given twice", "repeated_tensor"))
        else:
            seen.add(tensor.name)
            block = arranged(index, tensor, columns[tensor.name])
            if isinstance(block, Fault):
                found.append(block)
            else:
                blocks.append(block)
    missing = [name for name in columns if name not in seen]
    if len(missing) == len(columns):
        found.insert(0, Fault(["inputs"], f"no input tensor is known: {EXPECTED}", "missing"))
    else:
        found += [
            Fault(["inputs"], f"the tensor {name} is missing: {EXPECTED}", "missing") for name in missing
        ]
    if not found:
        found += count_faults(blocks)
    return blocks, found


def arranged(index: int, tensor: InputTensor, columns: list[int]) -> Block | Fault:
    """One tensor as a block, or what is wrong with it."""
    place: Loc = ["inputs", index]
    name, width = tensor.name, len(columns)
    if tensor.datatype not in DTYPES:
        return Fault(
            [*place, "datatype"], f"the datatype of {name} must be one of {', '.join(DTYPES)}", "datatype"
        )
    rows = tensor.shape[0] if tensor.shape else 0
    shapes = [[rows, width]] if name == MATRIX else [[rows, 1], [rows]]
    if list(tensor.shape) not in shapes:
        wanted = f"[n, {width}]" if name == MATRIX else "[n] or [n, 1]"
        return Fault([*place, "shape"], f"{name} must have the shape {wanted}", "shape")
    elements = flattened(tensor.data, tensor.shape)
    if elements is None:
        return Fault([*place, "data"], f"the data of {name} is nested, but not as its shape says", "shape")
    if len(elements) != rows * width:
        message = f"{name} has {len(elements):,} values where its shape says {rows * width:,}"
        return Fault([*place, "data"], message, "shape")
    if isinstance(elements, list) and not fits(elements, DTYPES[tensor.datatype]):
        message = f"{name} has values that are not of its datatype, {tensor.datatype}"
        return Fault([*place, "data"], message, "datatype")
    return Block(index, tensor, columns, rows, elements)


def flattened(data: list[Any] | NDArray[Any], shape: Sequence[int]) -> list[Any] | NDArray[Any] | None:
    """The elements in row-major order; None if they are nested otherwise than a shape of two dimensions."""
    if isinstance(data, np.ndarray) or not any(type(part) is list for part in data):
        return data
    if (
        len(shape) == 2
        and len(data) == shape[0]
        and all(type(row) is list and len(row) == shape[1] for row in data)
    ):
        return list(chain.from_iterable(data))
    return None


def fits(elements: list[Any], dtype: np.dtype[Any]) -> bool:
    """Whether those of JSON's numbers that are finite are in an integer type; elsewhere ranges decide."""
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype)
    numeric = [value for value in elements if type(value) in (int, float) and abs(value) != np.inf]
    return all(
        value == value // 1 and limits.min <= value <= limits.max for value in numeric if value == value
    )


def count_faults(blocks: Sequence[Block]) -> Iterator[Fault]:
    """Refuse none, too many, and tensors that differ in their number of rows."""
    first = blocks[0]
    for block in blocks:
        if block.rows != first.rows:
            message = (
                f"{block.tensor.name} has {block.rows:,} rows and {first.tensor.name} has {first.rows:,}"
            )
            yield Fault(["inputs", block.index, "shape"], message, "shape")
    if not 1 <= first.rows <= MAX_ROWS:
        message = f"there are {first.rows:,} observations: give 1 to {MAX_ROWS:,}"
        yield Fault(["inputs", first.index, "shape"], message, "list_length")


def numbers(elements: list[Any] | NDArray[Any]) -> NDArray[np.float64]:
    """The elements as float64; NaN for what is not a number."""
    if isinstance(elements, np.ndarray):
        return as_float64(elements)
    if set(map(type, elements)) <= {int, float}:
        try:
            return np.array(elements, np.float64)
        except OverflowError:
            pass
    return np.array([number(element) for element in elements])


def number(element: object) -> float:
    """A JSON number as a float; NaN for anything else."""
    if type(element) is not int and type(element) is not float:
        return np.nan
    try:
        return float(element)
    except OverflowError:
        return np.inf


def value_faults(
    blocks: Sequence[Block], rows: NDArray[np.float64], refused: Sequence[int]
) -> Iterator[Fault]:
    """The faults of the refused rows, in the contract's words."""
    for row in refused:
        record: dict[str, Any] = {}
        loc: dict[str, Loc] = {}
        for block in blocks:
            for at, column in enumerate(block.columns):
                element = block.elements[row * len(block.columns) + at]
                known = isinstance(block.elements, np.ndarray) or type(element) in (int, float)
                record[FEATURES[column]] = float(rows[row, column]) if known else element
                loc[FEATURES[column]] = block.loc(row, at)
        try:
            WeatherVariables.model_validate(record)
        except ValidationError as error:
            for fault in faults(error):
                yield replace(fault, loc=loc[str(fault.loc[0])])
