"""Reads the inputs of a graph: one of seven columns or seven of one, their types and the batch size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from weather.contract.variables import FEATURES
from weather.importing.errors import BadArtifact
from weather.importing.reading.fields import order_of

WIDTH = len(FEATURES)

SINGLE_INPUT_TYPES = (TensorProto.FLOAT, TensorProto.DOUBLE)
"""ONNX types accepted for a single input."""

COLUMN_INPUT_TYPES = (*SINGLE_INPUT_TYPES, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL)
"""ONNX types accepted for each of seven inputs; values are cast to integers and booleans."""


@dataclass(frozen=True)
class Column:
    """An input of the graph: its name, its ONNX type, and 2 for float[n, k] or 1 for float[n]."""

    name: str
    element: int
    rank: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type."""
        return helper.tensor_dtype_to_np_dtype(self.element)


@dataclass(frozen=True)
class Inputs:
    """The inputs of a graph.

    ``order`` has the fields in the order of the graph's columns, None if the graph does not name them.
    ``batch`` is its fixed batch size, None for any.
    """

    columns: tuple[Column, ...]
    order: tuple[str, ...] | None
    batch: int | None
    remarks: tuple[str, ...] = ()

    @property
    def element(self) -> int:
        """The ONNX type of the rows, before any cast of single columns."""
        wide = any(column.element == TensorProto.DOUBLE for column in self.columns)
        return TensorProto.DOUBLE if wide else TensorProto.FLOAT

    def feed(self, rows: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """ONNX Runtime's feed for float64[n, 7] rows in the graph's order."""
        if len(self.columns) == 1:
            return {self.columns[0].name: rows.astype(self.columns[0].dtype)}
        feed = {}
        for index, column in enumerate(self.columns):
            values = rows[:, index].astype(column.dtype)
            feed[column.name] = values[:, None] if column.rank == 2 else values
        return feed


def read_inputs(model: onnx.ModelProto) -> Inputs:
    """Read the inputs of a graph. An input without a shape gets the expected one.

    Raises:
        BadArtifact: they are not the seven features, or of a type or shape that can't be served.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in constants]
    if len(inputs) not in (1, WIDTH):
        raise BadArtifact(
            f"the model has {len(inputs)} inputs{_list_names(inputs)}; it must have one, "
            f"float[n, {WIDTH}], or {WIDTH}, float[n, 1], named {', '.join(FEATURES)}"
        )
    columns, batches = [], set()
    for value in inputs:
        column, batch = _column(value, WIDTH if len(inputs) == 1 else 1)
        columns.append(column)
        batches.add(batch)
    if len(batches) > 1:
        raise BadArtifact("the model's inputs have different batch sizes")
    (batch,) = batches
    if len(inputs) == 1:
        return Inputs(tuple(columns), None, batch)
    order, remark = order_of([column.name for column in columns], "the model's inputs")
    if remark and order == FEATURES:  # none of the names is known
        raise BadArtifact(f"the model's inputs{_list_names(inputs)} must be named {', '.join(FEATURES)}")
    whole = [f for f, column in zip(order, columns, strict=True) if column.element not in SINGLE_INPUT_TYPES]
    remarks = [f"the model takes {', '.join(whole)} as integers: decimals are cut off"]
    return Inputs(tuple(columns), order, batch, tuple(remarks if whole else []))


def _column(value: onnx.ValueInfoProto, width: int) -> tuple[Column, int | None]:
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        kind.shape.CopyFrom(helper.make_tensor_type_proto(kind.elem_type, ["n", width]).tensor_type.shape)
    shape = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
    fits = (len(shape) == 2 and shape[1] in (None, width)) or (len(shape) == 1 and width == 1)
    if not value.type.HasField("tensor_type") or not fits:
        raise BadArtifact(
            f"the model's input {value.name} is {_describe_type(value, shape)}; {_required_shape(width)}"
        )
    if kind.elem_type not in (SINGLE_INPUT_TYPES if width > 1 else COLUMN_INPUT_TYPES):
        raise BadArtifact(
            f"the model's input {value.name} is {_describe_type(value, shape)}; "
            f"convert the model to float32: {_required_shape(width)}"
        )
    if shape[0] is not None and shape[0] < 1:
        raise BadArtifact(
            f"the model's input {value.name} is {_describe_type(value, shape)}: it takes no row"
        )
    return Column(value.name, kind.elem_type, len(shape)), shape[0]


def _describe_type(value: onnx.ValueInfoProto, shape: list[int | None]) -> str:
    if not value.type.HasField("tensor_type"):
        return "not a tensor"
    element = TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
    return f"{element}[{', '.join('n' if dim is None else str(dim) for dim in shape)}]"


def _required_shape(width: int) -> str:
    return f"it must be float[n, {width}]" + (f", the columns {', '.join(FEATURES)}" if width > 1 else "")


def _list_names(inputs: list[onnx.ValueInfoProto]) -> str:
    return f" ({', '.join(i.name for i in inputs[:10])})" if inputs else ""
