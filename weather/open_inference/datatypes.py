"""The protocol's datatypes as numpy's, and FP32 numbers as the decimals that they stand for."""

from __future__ import annotations

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

DECIMALS = 6
"""Decimal places tried for an FP32 number: from 1 upwards, 7 significant digits have no more."""


def as_float64(values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers of any accepted datatype as float64."""
    return decimals(values) if values.dtype == np.float32 else values.astype(np.float64)


def decimals(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """FP32 numbers as the decimals that they stand for.

    0.83 as FP32 is 0.829999983…: outside of a limit of 0.83, and on the other side of a tree's
    threshold. The decimal with the fewest places that rounds to the same FP32 number is what the
    client measured, and what another client sends as JSON. More places than DECIMALS stay as they are.
    """
    exact = values.astype(np.float64)
    found = exact.copy()
    open_ = np.isfinite(exact)
    for places in range(DECIMALS + 1):
        rounded = np.round(exact[open_], places)
        same = rounded.astype(np.float32) == values[open_]
        at = np.flatnonzero(open_)[same]
        found[at] = rounded[same]
        open_[at] = False
        if not open_.any():
            break
    return found
