"""Any artifacts on labelled hours, beside the forecasts that cost nothing."""

from __future__ import annotations

from functools import partial

import numpy as np

from weather.importing.artifacts import Artifacts
from weather.importing.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.model.classifier import Classifier
from weather.training.observations import Samples
from weather.training.verification import Reference, Verification


def horizon_of(artifacts: Artifacts, given: int | None) -> int:
    """The horizon that was given, else the manifest's.

    Raises:
        BadArtifact: there is neither.
    """
    if given is not None:
        return given
    if artifacts.manifest is None:
        raise BadArtifact("the artifacts have no manifest, so their horizon is unknown: give --horizon")
    return artifacts.manifest.horizon_hours


def evaluate(artifacts: Artifacts, samples: Samples) -> dict[str, Verification]:
    """Any artifacts on labelled hours, beside persistence and climatology of these very hours.

    Probabilities are those that the service answers, to six decimals.
    """
    rain, probability = Classifier(compile_pair(artifacts).model).decide(samples.x)
    reference = Reference.of(samples.rain_now, samples.y)
    climatology = np.full(len(samples), reference.climatology)
    persistence = reference.persistence(samples.rain_now)
    verified = partial(
        Verification,
        y=samples.y,
        climatology=climatology,
        persistence=persistence,
        day=samples.hour.astype("datetime64[D]"),
    )
    return {
        "model": verified(
            decision=np.array(rain, np.bool_),
            probability=np.array(probability, np.float64),  # None becomes NaN
        ),
        "persistence": verified(decision=samples.rain_now, probability=persistence),
        "climatology": verified(decision=climatology > 0.5, probability=climatology),
    }
