"""Interprets a graph's outputs: the class that is rain, its score, and whether label and score agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weather.importing.errors import BadArtifact
from weather.importing.reading.hints import Hints
from weather.importing.understanding.labels import rain_class
from weather.importing.understanding.original import Arrays, Original, classes_of, columns_of
from weather.importing.understanding.outputs import Label, Outputs, Score
from weather.importing.understanding.roles import Roles, is_probability

MIN_AGREEMENT = 0.9
"""Minimum share of pairs in which the row labelled rain has the higher score, for the two to agree."""

TIE = 1e-6
"""Probabilities that differ by less are a tie, which an argmax resolves to the first class."""

CLASS_PAIRS: dict[object, tuple[object, ...]] = {0: (0, 1), 1: (0, 1), -1: (-1, 1), 2: (1, 2)}
"""Both classes by the only one observed, for graphs that name no classes."""


def meaning(original: Original, roles: Roles, arrays: Arrays, hints: Hints) -> Outputs:
    """Interpret the outputs by the values ``arrays`` that they gave.

    Raises:
        BadArtifact: there are not two classes, the class that is rain is unknown, the only output is a score
            that is neither a probability nor stated to be a logit, or label and score contradict each other.
    """
    remarks = list(roles.remarks)
    classes, ordered = _classes(original, roles, arrays)
    rain, certain = rain_class(classes, hints.rain_label)
    label = None if roles.label is None else Label(roles.label, tuple(classes), rain)
    score = None
    if roles.score:
        first = ordered.index(rain) if rain in ordered else classes.index(rain)
        score = _score(roles, arrays, first, hints)
    if score is not None and not score.probability:
        if label is None:
            raise BadArtifact(
                f"the model's output {', '.join(roles.score)} is neither a label nor a probability "
                f"({_range(columns_of(score.names, arrays))}): if it is a logit, give --logit"
            )
        remarks.append(
            f"{', '.join(roles.score)} is not a probability ({_range(columns_of(score.names, arrays))})"
        )
    if label is not None and score is not None:
        score = _consistent_score(label, score, arrays, certain, remarks)
    threshold = None
    if score is not None and score.probability:
        half = 0.5 if score.column is None else 0.5 + TIE / 2 * (1 if classes.index(rain) else -1)
        if label is None or _label_is_argmax(original, label, score, arrays):
            threshold = half
    return Outputs(label, score, threshold, tuple(remarks))


def _label_is_argmax(original: Original, label: Label, score: Score, arrays: Arrays) -> bool:
    """Whether the label of a tree ensemble is the class of the larger of its two probabilities.

    These may be tied: ONNX Runtime computes 0.50000006 for 10 of 20 trees and returns the second class, but
    scikit-learn the first. The decision is then whether the probability is above one half, not the label.
    """
    if score.column is None or not any("TreeEnsemble" in n.op_type for n in original.model.graph.node):
        return False
    wet = score.of_rain(arrays)
    clear = np.abs(wet - 0.5) > TIE
    return bool((label.is_rain(arrays) == (wet > 0.5))[clear].all())


def _classes(original: Original, roles: Roles, arrays: Arrays) -> tuple[list[object], list[object]]:
    """The classes, and the classes in the order of the score's columns."""
    zipmap_classes = next(
        (original.zipmap_classes[name] for name in roles.score if original.zipmap_classes.get(name)), []
    )
    if roles.label is None:
        classes = zipmap_classes or [0, 1]
        return classes, classes
    seen = sorted(set(arrays[roles.label].reshape(-1).tolist()), key=str)
    if len(seen) == 2 and not any(isinstance(label, str) for label in seen):
        seen.sort()
    named = [classes_of(node) for node in original.model.graph.node]
    for classes in (zipmap_classes, *named):
        if classes and set(seen) <= set(classes):
            return [type(seen[0])(label) for label in classes], zipmap_classes or classes
    if len(seen) == 1:
        (only,) = seen
        completed = CLASS_PAIRS.get(only, (only,))
        seen = [type(only)(label) for label in completed]
    return seen, zipmap_classes or seen


def _score(roles: Roles, arrays: Arrays, rain: int, hints: Hints) -> Score | None:
    score = Score(
        roles.score,
        column=None,
        double=any(arrays[name].dtype != np.float32 for name in roles.score),
        matrix=all(arrays[name].ndim == 2 for name in roles.score),
    )
    columns = columns_of(score.names, arrays)
    single = columns.shape[1] == 1
    if not np.isfinite(columns).all():
        raise BadArtifact(f"the model's output {', '.join(roles.score)} is NaN or infinite for some rows")
    score = replace(score, complement=rain == 0) if single else replace(score, column=rain)
    if is_probability(columns):
        if hints.logit:
            raise BadArtifact(
                f"the model's output {', '.join(roles.score)} is a probability ({_range(columns)}): "
                "leave out --logit"
            )
        return replace(score, probability=True)
    if not hints.logit:
        return score
    # A linear classifier writes its decision value f as (-f, f); a network writes a logit per class.
    opposite = not single and np.allclose(columns[:, 0], -columns[:, 1], rtol=1e-5, atol=1e-5)
    return replace(score, probability=True, squash="sigmoid" if single or opposite else "softmax")


def _consistent_score(
    label: Label, score: Score, arrays: Arrays, certain: bool, remarks: list[str]
) -> Score | None:
    """The score that agrees with the label; None without agreement.

    A probability of the other class is inverted only if the label's meaning is certain.
    """
    rain = label.is_rain(arrays)
    if not score.probability and (rain.all() or not rain.any()):
        return score
    agreement = _agreement(rain, score.of_rain(arrays))
    if agreement > MIN_AGREEMENT:
        return score
    inverted = (
        replace(score, complement=not score.complement)
        if score.column is None
        else replace(score, column=1 - score.column)
    )
    if not score.probability:  # used for comparisons only; those of an SVMClassifier are inverted
        return inverted if agreement < 1 - MIN_AGREEMENT else None
    names = ", ".join(score.names)
    if agreement >= 1 - MIN_AGREEMENT:
        raise BadArtifact(
            f"the model's label {label.name} and its probability {names} are unrelated: of two rows with "
            f"different labels, the one labelled {label.rain!r} has the higher probability in "
            f"{agreement:.0%} of cases"
        )
    if not certain:
        dry = next(known for known in label.classes if known != label.rain)
        raise BadArtifact(
            f"the model's label {label.name} and its probability {names} contradict each other: where the "
            f"label is {label.rain!r} the probability of {label.rain!r} is low. State which label is rain: "
            f"--rain-label {label.rain} if the labels are right, --rain-label {dry} if {dry} is rain"
        )
    remarks.append(f"{names} is inverted: the label shows that it is the probability of the other class")
    return inverted


def _agreement(rain: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The share of pairs in which the row labelled rain has the higher score (AUC); ties count as half.

    If all rows have the same label: 1 if their median score is on that label's side of one half, else 0.
    """
    if rain.all() or not rain.any():
        return float((np.median(score) >= 0.5) == rain[0])
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    wet, dry = int(rain.sum()), int((~rain).sum())
    return float((rank[rain].sum() - wet * (wet + 1) / 2) / (wet * dry))


def _range(columns: NDArray[np.float64]) -> str:
    return f"from {columns.min():.4g} to {columns.max():.4g}"
