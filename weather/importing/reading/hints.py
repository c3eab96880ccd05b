"""Options in which a user states what the files of a model do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

InputKind = Literal["raw", "scaled"]
"""The input of a graph: raw observations, or scaled ones."""


@dataclass(frozen=True)
class Hints:
    """The label that is rain, whether the scores are logits, and the graph's input; None if not stated."""

    rain_label: str | None = None
    logit: bool = False
    input_kind: InputKind | None = None


NO_HINTS = Hints()
