"""Finds which of a model's two classes is rain."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weather.contract.variables import NEGATIVE, POSITIVE
from weather.importing.errors import BadArtifact
from weather.importing.reading.vocabulary import DRY_WORDS, RAIN_WORDS, STEMS

NEGATIONS = frozenset({"no", "not", "non", "none", "never", "without", "wont"})
"""Words that negate a label: ``no_rain_tomorrow``."""

BOOLEANS = {"false": 0.0, "true": 1.0}
"""Booleans, which converters write as numbers."""

NUMERIC_PAIRS = ({0.0, 1.0}, {-1.0, 1.0}, {1.0, 2.0})
"""Pairs of numeric classes in which the greater is rain."""


def normalized(label: object) -> str:
    """A label in lower case, without blanks, underscores and punctuation, for comparing."""
    return re.sub(r"[\W_]", "", str(label).lower())


WORDS = {normalized(word): True for word in (POSITIVE, *RAIN_WORDS)} | {
    normalized(word): False for word in (NEGATIVE, *DRY_WORDS)
}


def rain_class(classes: Sequence[object], wanted: str | None) -> tuple[object, bool]:
    """The class that is rain, and whether that is certain.

    It is certain if the user states the class (``wanted``), or if the labels are known words. For numeric
    classes the greater is assumed, as with 0 and 1.

    Raises:
        BadArtifact: there are not two classes, ``wanted`` is neither of them, or the classes are unknown.
    """
    named = " and ".join(repr(label) for label in classes)
    if len(classes) != 2:
        listed = ", ".join(repr(label) for label in classes[:10])
        raise BadArtifact(f"the model has {len(classes)} classes ({listed}); rain and no rain are two")
    if wanted is not None:
        chosen = [label for label in classes if str(label) == wanted]
        chosen = chosen or [label for label in classes if _is_same_label(label, wanted)]
        if len(chosen) != 1:
            raise BadArtifact(f"--rain-label {wanted} is none of the model's classes, {named}")
        return chosen[0], True
    meanings = [_meaning(label) for label in classes]
    if sorted(map(str, meanings)) == ["False", "True"]:
        return classes[meanings.index(True)], True
    numbers = [_number(label) for label in classes]
    if None not in numbers and set(numbers) in NUMERIC_PAIRS:
        return max(zip(numbers, classes, strict=True), key=lambda pair: pair[0] or 0)[1], False
    raise BadArtifact(f"the model's classes are {named}: say which of them is rain with --rain-label")


def _meaning(label: object) -> bool | None:
    """Whether a label means rain; None if it means neither class."""
    known = WORDS.get(normalized(label))
    words = set(re.split(r"[\W_]+", re.sub("n['’]t", "nt", str(label).lower())))
    if known is None and words & STEMS:
        return not words & NEGATIONS
    return known


def parse_labels(labels: Sequence[str], classes: Sequence[object], rain: object, where: str) -> list[bool]:
    """Whether each label of the file ``where`` means rain.

    The labels are the model's classes, known words, or 0 and 1.

    Raises:
        BadArtifact: they are none of these.
    """
    distinct = set(labels)
    if all(any(_is_same_label(known, label) for known in classes) for label in distinct):
        meaning = {label: _is_same_label(rain, label) for label in distinct}
    elif all(_meaning(label) is not None for label in distinct):
        meaning = {label: _meaning(label) is True for label in distinct}
    elif all(_number(label) in (0, 1) for label in distinct):
        meaning = {label: _number(label) == 1 for label in distinct}
    else:
        raise BadArtifact(
            f"{where}: its labels {', '.join(sorted(distinct)[:5])} are not the model's classes"
        )
    return [meaning[label] for label in labels]


def _is_same_label(label: object, wanted: str) -> bool:
    number = BOOLEANS.get(wanted.lower(), _number(wanted))
    if number is not None and _number(label) is not None:
        return _number(label) == number
    return str(label) == wanted or normalized(label) == normalized(wanted) != ""


def _number(label: object) -> float | None:
    try:
        return float(str(label)) if not isinstance(label, bool) else float(label)
    except ValueError:
        return None
