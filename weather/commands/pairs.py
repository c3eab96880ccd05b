"""Pairs of the model store that commands judge.

The commands import this when they run, since BentoML and ONNX Runtime take a tenth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bentoml

from weather.contract.names import CLASSIFIER
from weather.contract.optional import optional_fields
from weather.importing.errors import BadArtifact
from weather.importing.latest import Pair, latest_pair, stored
from weather.model.classifier import Classifier
from weather.model.loading import NotServable, load, stored_pair

if TYPE_CHECKING:  # pandas
    from weather.reports.comparison import Answers
    from weather.reports.logs import Log


def latest() -> Pair:
    """The latest pair of the store.

    Raises:
        BadArtifact: there is none.
    """
    pair = latest_pair()
    if pair is None:
        raise BadArtifact("the model store has no latest pair that can be read: run `make import` first")
    return pair


def answers_of(log: Log, served: Pair, challenger: Pair) -> Answers:
    """What two pairs of the store say to the observations of a log.

    Raises:
        BadArtifact: one of them fails the check that the service makes at its start.
    """
    from weather.reports.comparison import computed_answers

    sides, optional = [], []
    for pair in (served, challenger):
        sides.append((pair.classifier, checked(pair)))
        optional.append(optional_fields(bentoml.models.get(pair.classifier).info.metadata))
    return computed_answers(log, sides[0], sides[1], optional[0] & optional[1])


def checked(pair: Pair) -> Classifier:
    """The classifier of a pair, after the check that the service makes at its start.

    Raises:
        BadArtifact: no service would serve it.
    """
    try:
        return load(*stored_pair(pair.classifier))
    except NotServable as reason:
        raise BadArtifact(f"no service would serve {pair.classifier}: {reason}") from None


def horizon_of(classifier: str) -> int | None:
    """The horizon of a classifier, if it is in the store and has a manifest."""
    model = stored(classifier) if classifier.startswith(f"{CLASSIFIER}:") else None
    metadata: dict[str, Any] = model.info.metadata if model else {}
    horizon: int | None = metadata.get("manifest", {}).get("horizon_hours")
    return horizon
