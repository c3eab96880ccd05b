"""How good probabilities and decisions are, on rows that the model has not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score


def scores(p: NDArray[np.float64], y: NDArray[np.bool_], threshold: float) -> dict[str, float]:
    """Figures of probabilities ``p`` for classes ``y``, and of the decisions above ``threshold``.

    The Brier skill is 1 - Brier score / that of the base rate: 1 for a perfect model, 0 for one that gives the
    share of the positive class each time.
    """
    decided, rate = p > threshold, float(y.mean())
    brier = float(brier_score_loss(y, p))
    return {
        "base_rate": rate,
        "brier": brier,
        "brier_skill": 1 - brier / (rate * (1 - rate)),
        "roc_auc": float(roc_auc_score(y, p)),
        "accuracy": float((decided == y).mean()),
        "true_positives": int((decided & y).sum()),
        "false_positives": int((decided & ~y).sum()),
        "false_negatives": int((~decided & y).sum()),
        "true_negatives": int((~decided & ~y).sum()),
    }
