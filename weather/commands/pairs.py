"""Loading and comparing pairs of the model store, for several commands.

The commands import this when they run: BentoML and ONNX Runtime take a tenth of a second to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bentoml

from weather.contract.names import CLASSIFIER
from weather.contract.optional import optional_fields
from weather.importing.errors import BadArtifact
from weather.importing.latest import Pair, latest_pair, stored
from weather.model.classifier import Classifier
from weather.model.loading import NotServable, load, stored_pair
from weather.model.manifest import manifest_of

if TYPE_CHECKING:  # pandas
    from weather.reports.comparison import Answers
    from weather.reports.logs import Log


def latest() -> Pair:
    """The latest pair of the store.

    Raises:
        BadArtifact: there is none, or it can't be read.
    """
    pair = latest_pair()
    if pair is None:
        raise BadArtifact("the model store has no latest pair that can be read: run `make import` first")
    return pair


def answers_of(log: Log, served: Pair, challenger: Pair) -> Answers:
    """The forecasts of two pairs of the store for the observations of a log.

    Raises:
        BadArtifact: a pair fails the service's start-up check.
    """
    from weather.reports.comparison import computed_answers

    sides, optional = [], []
    for pair in (served, challenger):
        sides.append((pair.classifier, checked(pair)))
        optional.append(optional_fields(manifest_of(bentoml.models.get(pair.classifier))))
    return computed_answers(log, sides[0], sides[1], optional[0] & optional[1])


def checked(pair: Pair) -> Classifier:
    """Load the classifier of a pair, with the service's start-up check.

    Raises:
        BadArtifact: the check failed, so no service would serve it.
    """
    try:
        return load(*stored_pair(pair.classifier))
    except NotServable as reason:
        raise BadArtifact(f"no service would serve {pair.classifier}: {reason}") from None


def horizon_of(classifier: str) -> int | None:
    """The horizon of a classifier in hours, or None if it is not in the store or has no manifest."""
    model = stored(classifier) if classifier.startswith(f"{CLASSIFIER}:") else None
    horizon: int | None = manifest_of(model).get("horizon_hours") if model else None
    return horizon
