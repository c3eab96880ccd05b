"""Which class is rain and which score is its probability; label and score must tell the same."""

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
"""Label and score agree if a row that is called rain has the higher score in so many pairs."""

TIE = 1e-6
"""Probabilities this far apart are a tie, which goes to the first class, as an argmax has it."""

CLASS_PAIRS: dict[object, tuple[object, ...]] = {0: (0, 1), 1: (0, 1), -1: (-1, 1), 2: (1, 2)}
"""Both classes, where only one was seen and the graph names none."""


def meaning(original: Original, roles: Roles, arrays: Arrays, hints: Hints) -> Outputs:
    """What the outputs mean, by what they gave.

    Raises:
        BadArtifact: not two classes, it can't be told which is rain, a score that is neither a
            probability nor said to be a logit, or label and score contradict each other.
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
                f"({_range(columns_of(score.names, arrays))}): if it is a logit, say so with --logit"
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
    """Whether the label is that of the larger of two probabilities, which trees make equal now and then:
    to ONNX Runtime 10 of 20 trees are 0.50000006, and its label is the second class where scikit-learn's
    is the first. Rain then is a probability above one half and not the label.
    """
    if score.column is None or not any("TreeEnsemble" in n.op_type for n in original.model.graph.node):
        return False
    wet = score.of_rain(arrays)
    clear = np.abs(wet - 0.5) > TIE
    return bool((label.is_rain(arrays) == (wet > 0.5))[clear].all())


def _classes(original: Original, roles: Roles, arrays: Arrays) -> tuple[list[object], list[object]]:
    """The classes, and those of the score's columns in their order."""
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
    # A linear classifier writes its decision value f as (-f, f); a network writes a logit a class.
    opposite = not single and np.allclose(columns[:, 0], -columns[:, 1], rtol=1e-5, atol=1e-5)
    return replace(score, probability=True, squash="sigmoid" if single or opposite else "softmax")


def _consistent_score(
    label: Label, score: Score, arrays: Arrays, certain: bool, remarks: list[str]
) -> Score | None:
    """The score that goes with the label, turned round if the label's meaning is certain."""
    rain = label.is_rain(arrays)
    if not score.probability and (rain.all() or not rain.any()):
        return score
    agreement = _agreement(rain, score.of_rain(arrays))
    if agreement > MIN_AGREEMENT:
        return score
    turned = (
        replace(score, complement=not score.complement)
        if score.column is None
        else replace(score, column=1 - score.column)
    )
    if not score.probability:  # it only serves to compare; an SVMClassifier's are the other way round
        return turned if agreement < 1 - MIN_AGREEMENT else None
    names = ", ".join(score.names)
    if agreement >= 1 - MIN_AGREEMENT:
        raise BadArtifact(
            f"the model's label {label.name} and its probability {names} have nothing to do with each "
            f"other: of a row that is called rain and one that is not, the first has the higher one in "
            f"{agreement:.0%} of cases"
        )
    if not certain:
        dry = next(known for known in label.classes if known != label.rain)
        raise BadArtifact(
            f"the model's label {label.name} and its probability {names} contradict each other: where the "
            f"label is {label.rain!r} the probability of {label.rain!r} is low. Say which label is rain: "
            f"--rain-label {label.rain} if the labels are right, --rain-label {dry} if {dry} is rain"
        )
    remarks.append(f"{names} is taken the other way round than the classes' order says, as the label wants")
    return turned


def _agreement(rain: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """How often a row that is called rain has the higher score; ties count as half.

    With rows of one label only, whether their middle score is on that label's side of one half.
    """
    if rain.all() or not rain.any():
        return float((np.median(score) >= 0.5) == rain[0])
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    wet, dry = int(rain.sum()), int((~rain).sum())
    return float((rank[rain].sum() - wet * (wet + 1) / 2) / (wet * dry))


def _range(columns: NDArray[np.float64]) -> str:
    return f"from {columns.min():.4g} to {columns.max():.4g}"
