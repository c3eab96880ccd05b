"""Input tensors to observations; names, number and accepted ranges follow from the request contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from math import inf, isfinite, isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from weather.contract.faults import Fault, faults
from weather.contract.optional import NONE, record_type
from weather.contract.variables import FEATURES, MAX_ROWS, WeatherVariables, accepted_values
from weather.http.limits import MAX_FAULTS
from weather.http.problems import bad_request
from weather.open_inference.datatypes import DTYPES

MATRIX = "observations"
"""The tensor that holds all fields, a column each; alternatively each field has a tensor of its own."""

EXPECTED = (
    f"give a tensor for each of {', '.join(FEATURES)}, or one named {MATRIX} of shape [n, {len(FEATURES)}]"
)

COLUMNS = {name: [column] for column, name in enumerate(FEATURES)}
MATRIX_COLUMNS = {MATRIX: list(range(len(FEATURES)))}

Loc = list[str | int]
"""A path into the body of a request."""


@dataclass(frozen=True)
class InputTensor:
    """One input of a request.

    ``data`` is a list from JSON, flat or nested as ``shape`` says, or what ``datatypes.as_numbers`` makes
    of binary data.
    """

    name: str
    datatype: str
    shape: Sequence[int]
    data: list[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
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


def observations(
    tensors: Sequence[InputTensor], optional: frozenset[str] = NONE
) -> WeatherVariables | NDArray[np.float64]:
    """One observation, or several as float64[n, features] in the contract's order; all as it accepts them.

    A field of ``optional`` is missing where its element is NaN, the only such value that a tensor has,
    or where it has no tensor.

    Raises:
        Problem: 400, with every fault, up to MAX_FAULTS of them.
    """
    blocks, rejected = arrange(tensors, optional)
    if rejected:
        raise bad_request(rejected[:MAX_FAULTS])
    if blocks[0].rows == 1:
        try:
            return observation(blocks, 0, optional)
        except ValidationError as error:
            raise bad_request(list(value_faults(blocks, 0, error))) from None
    rows = np.full((blocks[0].rows, len(FEATURES)), np.nan)
    for block in blocks:
        rows[:, block.columns] = as_float64(block.elements).reshape(block.rows, len(block.columns))
    accepted = accepted_values(rows, optional)
    if accepted.all():
        return rows
    refused = np.flatnonzero(~accepted.all(axis=1)).tolist()
    raise bad_request(list(islice(faults_of_rows(blocks, refused, optional), MAX_FAULTS)))


def arrange(tensors: Sequence[InputTensor], optional: frozenset[str]) -> tuple[list[Block], list[Fault]]:
    """The tensors as blocks of columns, after names, datatypes, shapes and sizes have been checked."""
    columns = MATRIX_COLUMNS if any(tensor.name == MATRIX for tensor in tensors) else COLUMNS
    blocks: list[Block] = []
    rejected: list[Fault] = []
    seen: set[str] = set()
    for index, tensor in enumerate(tensors):
        result = arranged(index, tensor, columns, seen)
        if isinstance(result, Block):
            blocks.append(result)
        else:
            rejected.append(result)
    missing = [name for name in columns if name not in seen]
    if len(missing) == len(columns):
        rejected.insert(0, Fault(["inputs"], f"no input tensor is known: {EXPECTED}", "missing"))
    else:
        rejected += [
            Fault(["inputs"], f"the tensor {name} is missing: {EXPECTED}", "missing")
            for name in missing
            if name not in optional
        ]
    return blocks, rejected or list(count_faults(blocks))


def arranged(index: int, tensor: InputTensor, columns: dict[str, list[int]], seen: set[str]) -> Block | Fault:
    """One tensor as a block, or what is wrong with it; ``seen`` has the names of those before it."""
    name, shape = tensor.name, tensor.shape

    def fault(member: str, message: str, kind: str) -> Fault:
        return Fault(["inputs", index, member], message, kind)

    if name not in columns:
        return fault("name", f"{name[:64]} is not a tensor of this request: {EXPECTED}", "unknown_tensor")
    if name in seen:
        return fault("name", f"{name} is given twice", "repeated_tensor")
    seen.add(name)
    if tensor.datatype not in DTYPES:
        return fault("datatype", f"the datatype of {name} must be one of {', '.join(DTYPES)}", "datatype")
    width = len(columns[name])
    if not (len(shape) == 2 and shape[1] == width) and not (len(shape) == 1 and name != MATRIX):
        wanted = f"[n, {width}]" if name == MATRIX else "[n] or [n, 1]"
        return fault("shape", f"{name} must have the shape {wanted}", "shape")
    elements = flattened(tensor.data, shape)
    if elements is None:
        return fault("data", f"the data of {name} is nested, but not as its shape says", "shape")
    if len(elements) != shape[0] * width:
        message = f"{name} has {len(elements):,} values where its shape says {shape[0] * width:,}"
        return fault("data", message, "shape")
    if not fits(elements, DTYPES[tensor.datatype]):
        message = f"{name} has values that are not of its datatype, {tensor.datatype}"
        return fault("data", message, "datatype")
    return Block(index, tensor, columns[name], shape[0], elements)


def flattened(data: list[Any] | NDArray[Any], shape: Sequence[int]) -> list[Any] | NDArray[Any] | None:
    """The elements in row-major order; None if they are nested otherwise than a shape of two dimensions."""
    if not len(data) or type(data[0]) is not list:
        return data
    nested = len(shape) == 2 and len(data) == shape[0]
    if nested and all(type(row) is list and len(row) == shape[1] for row in data):
        return list(chain.from_iterable(data))
    return None


def fits(elements: list[Any] | NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Whether those of JSON's numbers that are finite are in an integer type; elsewhere ranges decide."""
    if dtype.kind == "f" or isinstance(elements, np.ndarray):
        return True
    limits = np.iinfo(dtype)
    return all(
        value == value // 1 and limits.min <= value <= limits.max
        for value in elements
        if type(value) is int or (type(value) is float and isfinite(value))
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


def as_float64(elements: list[Any] | NDArray[Any]) -> NDArray[np.float64]:
    """The elements; infinite, which no range accepts, for what is not a number."""
    if isinstance(elements, np.ndarray) or set(map(type, elements)) <= {int, float}:
        try:
            return np.asarray(elements, np.float64)
        except OverflowError:
            pass
    return np.array([number(element) for element in elements])


def number(element: object) -> float:
    """A number as a float; infinite if it is too large for one, and for anything else."""
    if type(element) is not int and type(element) is not float:
        return inf
    try:
        return float(element)
    except OverflowError:
        return inf


def observation(blocks: Sequence[Block], row: int, optional: frozenset[str]) -> WeatherVariables:
    """One row.

    Raises:
        ValidationError: it breaks the contract.
    """
    record: dict[str, Any] = {}
    for block in blocks:
        width = len(block.columns)
        elements = block.elements[row * width : (row + 1) * width]
        if isinstance(elements, np.ndarray):
            elements = elements.tolist()
        for column, element in zip(block.columns, elements, strict=True):
            # As float, because there are integers too large for one.
            record[FEATURES[column]] = number(element) if type(element) is int else element
    missing = frozenset(name for name in optional if is_missing(record.get(name, nan)))
    known = {name: value for name, value in record.items() if name not in missing}
    return record_type(missing).model_validate(known)


def is_missing(element: object) -> bool:
    """Whether an element of an optional field says that there is no value; null is refused."""
    return type(element) is float and isnan(element)


def value_faults(blocks: Sequence[Block], row: int, error: ValidationError) -> Iterator[Fault]:
    """The faults of a row in the contract's words."""
    locs = {
        FEATURES[column]: block.loc(row, at) for block in blocks for at, column in enumerate(block.columns)
    }
    return (replace(fault, loc=locs[str(fault.loc[0])]) for fault in faults(error))


def faults_of_rows(blocks: Sequence[Block], rows: Sequence[int], optional: frozenset[str]) -> Iterator[Fault]:
    """The faults of rows that have some."""
    for row in rows:
        try:
            observation(blocks, row, optional)
        except ValidationError as error:
            yield from value_faults(blocks, row, error)
