"""Scores of probabilities and decisions on rows that the model has not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score


def scores(p: NDArray[np.float64], y: NDArray[np.bool_], threshold: float) -> dict[str, float]:
    """Scores of probabilities ``p`` float64[n] for classes ``y`` bool[n]; the decision is ``p > threshold``.

    The Brier skill is 1 - BS / BS of the base rate: 1 for a perfect model, 0 for one that always gives the
    share of the positive class.
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
