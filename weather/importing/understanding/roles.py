"""Finds which output of a graph is the label and which the score, by the types and shapes of their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.importing.errors import BadArtifact
from weather.importing.understanding.original import Arrays, columns_of

ROUNDING = 1e-4
"""Allowed deviation of the sum of two probabilities from 1, and of a probability from 0 ... 1: float32
sums of many trees have errors of 1e-7 to 1e-5.
"""

LABEL_NAME = re.compile("label|class|pred|target|variable", re.IGNORECASE)


@dataclass(frozen=True)
class Roles:
    """Output names of the label, None without a label, and of the score: one, or two with a column each."""

    label: str | None
    score: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def roles(names: Sequence[str], samples: Sequence[Arrays]) -> Roles:
    """The roles of the outputs ``names``, found from their values in ``samples``.

    Raises:
        BadArtifact: there are several labels or probabilities, more than two classes, or neither.
    """
    arrays = {
        name: np.concatenate([_flat(sample[name]) for sample in samples])
        for name in dict.fromkeys(names)
        if all(name in sample for sample in samples)
    }
    floats = {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
    wide = [name for name, array in floats.items() if array.ndim == 2 and array.shape[1] > 2]
    label = _label(arrays, floats)
    score = _score({name: array for name, array in floats.items() if name != label}, arrays)
    if wide and (not score or not is_probability(columns_of(score, arrays))):
        count = floats[wide[0]].shape[1]
        raise BadArtifact(
            f"the model's output {wide[0]} has {count} columns: rain and no rain are two classes"
        )
    if label is None and not score:
        shapes = "; ".join(f"{name} {array.dtype}{list(array.shape[1:])}" for name, array in arrays.items())
        raise BadArtifact(
            "the model gives neither a label nor a score for each row "
            f"({shapes or 'no output has an entry for each row'})"
        )
    unused = [name for name in dict.fromkeys(names) if name not in (label, *score)]
    return Roles(label, score, (f"not used: output {', '.join(unused)}",) if unused else ())


def is_probability(columns: NDArray[np.float64]) -> bool:
    """Whether float64[n, 1] or float64[n, 2] are probabilities: within 0 ... 1, and two add up to 1."""
    if not np.isfinite(columns).all() or columns.min() < -ROUNDING or columns.max() > 1 + ROUNDING:
        return False
    return columns.shape[1] == 1 or bool(np.allclose(columns.sum(axis=1), 1, rtol=0, atol=ROUNDING))


def _are_class_scores(columns: NDArray[np.float64]) -> bool:
    """Whether float64[n, 2] are the scores of two classes.

    They are probabilities, or a decision value and its negative, as from a support-vector machine.
    """
    return is_probability(columns) or bool(
        np.allclose(columns[:, 0], -columns[:, 1], rtol=ROUNDING, atol=ROUNDING)
    )


def _label(arrays: Arrays, floats: Arrays) -> str | None:
    labels = [name for name, array in arrays.items() if array.ndim == 1 and name not in floats]
    if not labels:  # a label may be a float: 0.0 and 1.0
        labels = [name for name, array in floats.items() if array.ndim == 1 and _two_integers(array)]
        if len(labels) > 1 and len(labels) == len(floats):  # label and probability of pure leaves
            labels = labels[:1]
    for narrower in (lambda name: len(set(arrays[name].tolist())) <= 2, LABEL_NAME.search):
        if len(labels) > 1:
            labels = [name for name in labels if narrower(name)] or labels
    if len(labels) > 1:
        raise BadArtifact(f"the outputs {', '.join(labels)} all look like the label: keep only one of them")
    return labels[0] if labels else None


def _score(floats: Arrays, arrays: Arrays) -> tuple[str, ...]:
    matrices = [(name,) for name, array in floats.items() if array.ndim == 2 and array.shape[1] == 2]
    vectors = [(name,) for name, array in floats.items() if array.ndim == 1]
    pair = tuple(name for (name,) in vectors)
    if not matrices and len(vectors) == 2 and _are_class_scores(columns_of(pair, arrays)):
        return pair
    candidates = matrices or vectors
    probabilities = [names for names in candidates if is_probability(columns_of(names, arrays))]
    first: tuple[str, ...] = next(iter(probabilities or candidates), ())
    for other in probabilities[1:] or (candidates[1:] if not probabilities else []):
        if not np.array_equal(columns_of(first, arrays), columns_of(other, arrays)):
            raise BadArtifact(
                f"the outputs {first[0]} and {other[0]} both look like the score: keep only one of them"
            )
    return first


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """An array of shape [n] for one value per row, [n, k] for several."""
    flat = array.reshape(len(array), -1)
    return flat[:, 0] if flat.shape[1] == 1 else flat


def _two_integers(array: NDArray[Any]) -> bool:
    distinct = np.unique(array[: 1 << 16])
    return len(distinct) <= 2 and bool((distinct == np.round(distinct)).all())
