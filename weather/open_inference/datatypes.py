"""The protocol's datatypes as numpy's, and FP32 numbers as the decimals that they stand for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
}
"""The accepted datatypes. FP16 would round a pressure to 0.5 or 1 hPa, and BOOL is not a number in JSON."""

FEW = 64
"""Up to so many numbers Python is faster than numpy, ten times for one row."""

MIN_DECIMAL, MAX_DECIMAL = 0.99e-5, 1e6
"""FP32 numbers from and below which there is a decimal to look for; others are taken as they are. As FP32,
0.00001 is a little less than that."""

DIGITS = (6, 7, 8, 9)
"""Significant digits of that decimal: any of 6 survives FP32, and 9 tell any two FP32 numbers apart."""

_as_fp32 = struct.Struct("<f").pack


def as_numbers(values: NDArray[Any]) -> list[float] | NDArray[np.float64]:
    """Numbers of an accepted datatype, as Python's if they are few."""
    if len(values) <= FEW:
        numbers: list[float] = values.tolist()
        return decimals(numbers) if values.dtype == np.float32 else numbers
    return decimals_of_many(values) if values.dtype == np.float32 else values.astype(np.float64)


def decimals(values: Sequence[float]) -> list[float]:
    """FP32 numbers as the decimals that they stand for.

    0.83 as FP32 is 0.829999983…: outside of a limit of 0.83, and on the other side of a tree's
    threshold. The decimal with the fewest digits that rounds to the same FP32 number is what the client
    measured, and what another client sends as JSON.
    """
    return [_decimal(value) for value in values]


def _decimal(value: float) -> float:
    if MIN_DECIMAL <= abs(value) < MAX_DECIMAL:
        exact = _as_fp32(value)
        for digits in DIGITS:
            decimal = float(f"{value:.{digits}g}")
            if _as_fp32(decimal) == exact:
                return decimal
    return value


def decimals_of_many(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """As ``decimals``, for an array."""
    result = values.astype(np.float64)
    size = np.abs(result)
    left = np.flatnonzero((size >= MIN_DECIMAL) & (size < MAX_DECIMAL))
    places = -1 - np.floor(np.log10(size[left])).astype(int)
    for digits in DIGITS:
        scale = 10.0 ** (places + digits)
        decimal = np.rint(result[left] * scale) / scale
        same = decimal.astype(np.float32) == values[left]
        result[left[same]] = decimal[same]
        left, places = left[~same], places[~same]
    return result
