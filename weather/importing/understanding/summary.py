"""Describes how import interpreted a pair, in words and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from weather.contract.variables import NEGATIVE, POSITIVE
from weather.importing.understanding.checking import Difference
from weather.importing.understanding.outputs import Outputs
from weather.importing.understanding.scaling import Verdict


def describe_difference(difference: float) -> str:
    """A difference in words, rounded up to a power of ten, because its digits vary with the processor."""
    return f"less than {10.0 ** np.ceil(np.log10(difference)):g}" if difference else "nothing"


@dataclass(frozen=True)
class Understanding:
    """The kind of input, the meaning of the outputs, and the compiled graph's difference from the original.

    ``threshold`` is the score above which the label is rain, None without a threshold. ``approximate`` says
    that ONNX Runtime itself only approximates the original's probabilities.
    """

    verdict: Verdict
    outputs: Outputs
    difference: Difference
    threshold: float | None
    approximate: bool
    remarks: tuple[str, ...]

    def lines(self) -> list[str]:
        """The interpretation for people, one fact per line."""
        label, score, check = self.outputs.label, self.outputs.score, self.difference
        scaler = "the scaler" if self.verdict.input_kind == "scaled" else "the model itself"
        lines = [f"scaled by {scaler}: {self.verdict.reason}"]
        if label is None:
            lines.append(f"label: none; {POSITIVE} if its probability is above one half")
        else:
            other = next(known for known in label.classes if known != label.rain)
            lines.append(f"label: output {label.name}; {label.rain!r} is {POSITIVE}, {other!r} is {NEGATIVE}")
        if score is None or not score.probability:
            lines.append('probability: none; "probability" will be null')
        else:
            column = "" if score.column is None else f", column {score.column + 1} of 2"
            way = f", the {score.squash} of a logit" if score.squash else ""
            way += ", 1 minus that of no rain" if score.complement else ""
            lines.append(f"probability: output {' and '.join(score.names)}{column}{way}")
        apart = "" if check.score is None else f", scores by {describe_difference(check.score)}"
        ties = f" and {check.ties} at a tie" if check.ties else ""
        rows = f"compared with ONNX Runtime on the original, {check.rows:,} rows"
        return [*lines, f"{rows}: {check.labels} labels differ{ties}{apart}", *self.remarks]

    def facts(self) -> dict[str, Any]:
        """The interpretation for programs."""
        label, score, check = self.outputs.label, self.outputs.score, self.difference
        return {
            "scaled_by": "scaler" if self.verdict.input_kind == "scaled" else "model",
            "scaled_by_reason": self.verdict.reason,
            "label": label and {"output": label.name, "rain": label.rain, "classes": list(label.classes)},
            "probability": None
            if score is None or not score.probability
            else {
                "outputs": list(score.names),
                "column": score.column,
                "squash": score.squash or None,
                "complement": score.complement,
            },
            "approximate": self.approximate,
            "threshold": self.threshold,
            "check": {
                "rows": check.rows,
                "labels": check.labels,
                "ties": check.ties,
                "largest_difference": check.score,
            },
            "remarks": list(self.remarks),
        }
