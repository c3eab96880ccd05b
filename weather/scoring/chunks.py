"""What both formats are read to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.scoring.validation import Rejection


@dataclass(frozen=True)
class Chunk:
    """Rows of a part that are held at once: ``count`` of them, the good ones as ``kept`` (a ``pyarrow.Table``
    of the columns that are kept) and ``rows`` (float64[good, features]), and the faults of the others.
    """

    count: int
    kept: Any
    rows: NDArray[np.float64]
    rejections: list[Rejection]
