"""The binary tensor data extension: after the JSON, tensors as raw little-endian bytes, in their order.

The header ``Inference-Header-Content-Length`` gives the length of the JSON. 0 means that there is none:
the body is one row of all fields.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.faults import Fault
from weather.contract.variables import FEATURES
from weather.http.problems import bad_request
from weather.open_inference.datatypes import DTYPES, as_numbers
from weather.open_inference.inputs import MATRIX, InputTensor
from weather.open_inference.outputs import OutputTensor

HEADER = "Inference-Header-Content-Length"


def split(body: bytes, length: str | None) -> tuple[bytes, bytes]:
    """The JSON and the binary data of a body; ``length`` is the header's value, None if it is missing.

    Raises:
        Problem: 400, for a length that is not a number or more than the body has.
    """
    if length is None:
        return body, b""
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else -1
    if not 0 <= size <= len(body):
        message = f"the header {HEADER} must be the number of bytes of the JSON in the body"
        raise bad_request([Fault([], message, "binary_data")])
    return body[:size], body[size:]


def raw_row(body: bytes) -> InputTensor:
    """The one row of a body without JSON; its size tells FP32 from FP64.

    Raises:
        Problem: 400, for any other size.
    """
    sizes = {len(FEATURES) * DTYPES[datatype].itemsize: datatype for datatype in ("FP32", "FP64")}
    datatype = sizes.get(len(body))
    if datatype is None:
        accepted = " or ".join(f"{size} bytes as {datatype}" for size, datatype in sizes.items())
        message = f"a body without JSON must be one row of {', '.join(FEATURES)}: {accepted}"
        raise bad_request([Fault([], message, "binary_data")])
    return InputTensor(
        MATRIX, datatype, [1, len(FEATURES)], as_numbers(np.frombuffer(body, DTYPES[datatype]))
    )


def elements(raw: bytes, datatype: str) -> list[float] | NDArray[Any] | None:
    """The numbers of a tensor, none if its datatype is unknown; None where the size does not fit."""
    dtype = DTYPES.get(datatype)
    if dtype is None:
        return []
    return as_numbers(np.frombuffer(raw, dtype)) if len(raw) % dtype.itemsize == 0 else None


def raw(tensor: OutputTensor) -> bytes:
    """The bytes of an output; an element of BYTES has its length before it, in four bytes."""
    if tensor.datatype == "BYTES":
        encoded = [str(element).encode() for element in tensor.data]
        return b"".join(part for word in encoded for part in (struct.pack("<I", len(word)), word))
    return np.array(tensor.data, DTYPES[tensor.datatype]).tobytes()
