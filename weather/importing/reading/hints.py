"""What the user says of a model where its files don't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Takes = Literal["raw", "scaled"]
"""What a graph takes: observations as they come, or what the scaler makes of them."""


@dataclass(frozen=True)
class Hints:
    """Which label is rain; that the scores are logits; what the graph takes, where that can't be seen."""

    rain_label: str | None = None
    logit: bool = False
    takes: Takes | None = None


NO_HINTS = Hints()
