"""Chunks of rows, the form to which both input formats are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.scoring.validation import Rejection


@dataclass(frozen=True)
class Chunk:
    """Rows of a part that are in memory at the same time, ``count`` of them.

    Valid rows are in ``kept``, a ``pyarrow.Table`` of the columns that are kept, and ``rows``,
    float64[valid, features]; the faults of the others are listed.
    """

    count: int
    kept: Any
    rows: NDArray[np.float64]
    rejections: list[Rejection]
