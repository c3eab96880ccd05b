"""Any artifacts on labelled hours, beside the forecasts that cost nothing."""

from __future__ import annotations

import numpy as np

from weather.importing.compiling.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.model.classifier import Classifier
from weather.training.cross_fitting import judged
from weather.training.features import OPTIONAL
from weather.training.observations import BadData
from weather.training.samples import Samples
from weather.training.verification import Reference, Verification
from weather.training.words import counted


def horizon_of(artifacts: Artifacts, requested: int | None) -> int:
    """The horizon that was given, else the manifest's.

    Raises:
        BadArtifact: there is neither.
    """
    if requested is not None:
        return requested
    if artifacts.manifest is None:
        raise BadArtifact("the artifacts have no manifest, so their horizon is unknown: give --horizon")
    return artifacts.manifest.horizon_hours


def answerable(artifacts: Artifacts, samples: Samples) -> tuple[Samples, str]:
    """The hours with all values that the model can't do without, and what was left out, empty if nothing.

    Raises:
        BadData: no hour is left.
    """
    complete = np.asarray(np.isfinite(samples.x).all(axis=1))
    if complete.all() or (artifacts.manifest and set(OPTIONAL) <= set(artifacts.manifest.optional)):
        return samples, ""
    without = f"{counted((~complete).sum(), 'hour')} without {', '.join(OPTIONAL)}"
    if not complete.any():
        raise BadData(f"{without}: all of them, and this model can't do without it")
    return samples.where(complete), f"{without} left out: this model can't do without it"


def evaluate(artifacts: Artifacts, samples: Samples) -> dict[str, Verification]:
    """The artifacts beside persistence and climatology of these very hours.

    Probabilities are those that the service answers, to six decimals.
    """
    decision, probability = Classifier(compile_pair(artifacts).model).decide(samples.x)
    known = Reference.of(samples.rain_now, samples.y)
    climatology = np.full(len(samples), known.climatology)
    return {
        # None becomes NaN
        "model": judged(samples, known, np.array(probability, np.float64), np.array(decision, np.bool_)),
        "persistence": judged(samples, known, known.persistence(samples.rain_now), samples.rain_now),
        "climatology": judged(samples, known, climatology, climatology > 0.5),
    }
