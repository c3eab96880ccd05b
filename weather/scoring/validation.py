"""Validates many rows at once by the request contract; invalid rows get the API's messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from weather.contract.faults import faults
from weather.contract.optional import record_type
from weather.contract.variables import FEATURES, accepted_values, as_rows


class Rejection(NamedTuple):
    """A fault of a row: the row's index, the field (empty where it is the whole row), a sentence."""

    row: int
    field: str
    reason: str


def validate(
    values: NDArray[np.float64],
    absent: NDArray[np.bool_],
    optional: frozenset[str],
    record_at: Callable[[int], Mapping[str, Any]],
) -> tuple[NDArray[np.bool_], list[Rejection]]:
    """Which rows follow the contract, bool[n], and the faults of the others.

    ``values`` is float64[n, features] with NaN where there is no number, ``absent`` bool[n, features] says
    where that is because nothing was given. Rows with anything but numbers within the limits are validated
    one by one, as the API does it; ``record_at`` gives their fields. Those that it accepts, such as
    numbers in an unusual notation, are written to ``values``.
    """
    missing_allowed = absent & np.array([name in optional for name in FEATURES])
    good = (accepted_values(values) | missing_allowed).all(axis=1)
    rejections: list[Rejection] = []
    for row in np.flatnonzero(~good).tolist():
        try:
            record = record_type(optional).model_validate(record_at(row))
        except ValidationError as error:
            rejections += [
                Rejection(row, str(fault.loc[0]), fault.msg) for fault in faults(error, number="a number")
            ]
        else:
            values[row] = as_rows([record])[0]
            good[row] = True
    return good, rejections
