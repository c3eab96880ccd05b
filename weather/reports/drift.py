"""Do the logged inputs and forecasts still look like the training data, and are they still right?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.importing.compiling.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.model.classifier import Classifier
from weather.reports.distances import Shift, shift
from weather.reports.logs import Log
from weather.reports.outcomes import Calibration
from weather.training.observations import BadData, Observations
from weather.training.samples import samples

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """What logged forecasts are compared with: ``x``, float64[n, 7], the hours that the model was made
    from; ``probability``, float64[m], None if the model gives none, and ``decision``, bool[m], its forecasts
    of the test fold: on the hours that it has seen it is surer of itself.
    """

    name: str
    x: Floats
    probability: Floats | None
    decision: NDArray[np.bool_]


@dataclass(frozen=True)
class Report:
    """All findings."""

    reference: str
    rows: int
    malformed: int
    models: dict[str, int]
    features: list[Shift]
    probability: Shift | None
    rain_share_then: float
    rain_share_now: float
    calibration: Calibration | None
    drifted: list[str]

    def as_json(self) -> str:
        """For machines."""
        return json.dumps(asdict(self), indent=1)


def training_side(artifacts: Artifacts, observed: Observations) -> Training:
    """The training data of a model, and its forecasts of the fold that it has not seen.

    Raises:
        BadArtifact: the artifacts have no manifest.
        BadData: the data is not the model's.
    """
    known = artifacts.manifest
    if known is None:
        raise BadArtifact("the artifacts have no manifest, so their training data is unknown")
    if observed.digest != known.data["sha256"]:
        raise BadData(f"{observed.name} is not the data of this model (SHA-256): give --data")
    hours = samples(observed, known.horizon_hours)
    seen = hours.where(hours.fold != known.split["test_fold"])
    unseen = hours.where(hours.fold == known.split["test_fold"])
    decision, probability = Classifier(compile_pair(artifacts).model)(unseen.x)
    return Training(
        f"{len(seen):,} hours of training: {observed.name}",
        seen.x,
        None if probability is None else probability.astype(np.float64),
        decision,
    )


def compare(then: Training, log: Log, calibration: Calibration | None) -> Report:
    """All findings. A feature that was missing throughout in training is left out."""
    features = [
        shift(name, then.x[:, i], log.x[:, i])
        for i, name in enumerate(FEATURES)
        if np.isfinite(then.x[:, i]).any()
    ]
    probability = None
    if then.probability is not None and len(log.probability):
        probability = shift("probability", then.probability, log.probability)
    shifts = [*features, *([probability] if probability else [])]
    return Report(
        reference=then.name,
        rows=len(log.table),
        malformed=log.malformed,
        models={str(name): int(n) for name, n in log.table["model"].value_counts().items()},
        features=features,
        probability=probability,
        rain_share_then=float(then.decision.mean()),
        rain_share_now=float(log.table["rain"].mean()),
        calibration=calibration,
        drifted=[s.name for s in shifts if s.drifted],
    )
