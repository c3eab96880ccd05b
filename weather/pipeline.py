"""Training, evaluation and the drift report, each from its data to its findings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from weather import drift, export, model_card, observations, training
from weather.artifacts import Artifacts, BadArtifact, Manifest
from weather.classifier import Classifier
from weather.compiler import compile_pair
from weather.observations import Observations, Samples
from weather.terminal import Stage
from weather.verification import Reference, Verification

HORIZONS = (1, 2, 4, 8)
CARD_FILE = "MODEL_CARD.md"


def train(observed: Observations, samples: Samples, horizon: int, out: Path, stage: Stage) -> Manifest:
    """Search, fit, verify, and write scaler, ONNX model, manifest and model card to ``out``.

    Raises:
        TooLittleData: a fold has no rainy or no dry hour.
    """
    fits = len(training.GRID) * observations.FOLDS
    found = training.search(samples, training.GRID, stage("blocked cross-validation", fits))

    done = stage("yardsticks and horizons", len(training.YARDSTICKS) + len(HORIZONS))
    yardsticks = {}
    for name, make in training.YARDSTICKS.items():
        yardsticks[name] = training.cross_validate(samples, make)
        done()
    by_horizon = {}
    for hours in HORIZONS:
        other = observations.samples(observed, hours)
        by_horizon[hours] = training.cross_validate(other, found.chosen.svc)
        done()

    done = stage("final fit, model card", 2)
    test_fold = observations.FOLDS - 1
    dealt = training.roles(samples, test_fold)
    model = training.fit(dealt.seen, found.chosen.svc())
    test = training.verify(dealt, model)
    pooled = {"model": found.pooled, "persistence": training.persistence(samples), **yardsticks}
    test_persistence = training.as_now(dealt)
    done()
    manifest = export.write(
        out,
        model,
        dealt.seen,
        export.golden_rows(model, dealt.test),
        {
            **facts(observed, samples, horizon, test_fold),
            "hyperparameters": {
                "rain_weight": found.chosen.rain_weight,
                "gamma": found.chosen.gamma,
                "c": found.chosen.c,
                "support_vectors": len(model.classifier.support_),
            },
            "metrics": {
                "cross_validation": model_card.scores_json(pooled),
                "test": model_card.scores_json({"model": test, "persistence": test_persistence}),
            },
        },
    )
    model_card.write(
        out / CARD_FILE,
        model_card.Findings(
            manifest=manifest,
            observations=observed,
            samples=samples,
            pooled=pooled["model"],
            pooled_persistence=pooled["persistence"],
            yardsticks=yardsticks,
            test=test,
            test_persistence=test_persistence,
            by_horizon=by_horizon,
            chosen=str(found.chosen),
            candidates=len(training.GRID),
        ),
    )
    done()
    return manifest


def facts(observed: Observations, samples: Samples, horizon: int, test_fold: int) -> dict[str, object]:
    """What a manifest says of the data and of how it was dealt out."""
    seen = int((samples.fold != test_fold).sum())
    return {
        "name": f"rain within {horizon} h, {observed.name}",
        "horizon_hours": horizon,
        "data": {
            "name": observed.name,
            "sha256": observed.digest,
            "first_hour": str(samples.hour.min()),
            "last_hour": str(samples.hour.max()),
            "usable_hours": len(samples),
        },
        "split": {
            "block_hours": observations.BLOCK_HOURS,
            "folds": observations.FOLDS,
            "gap_hours": horizon,
            "test_fold": test_fold,
            "train_hours": seen,
            "test_hours": len(samples) - seen,
        },
    }


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
    """Any artifacts on labelled hours, beside persistence and climatology of these very hours."""
    rain, probability = Classifier(compile_pair(artifacts).model)(samples.x.astype(np.float32))
    reference = Reference.of(samples.rain_now, samples.y)
    climatology = np.full(len(samples), reference.climatology)
    persistence = reference.persistence(samples.rain_now)
    unknown = np.full(len(samples), np.nan)
    verified = partial(
        Verification,
        y=samples.y,
        climatology=climatology,
        persistence=persistence,
        day=samples.hour.astype("datetime64[D]"),
    )
    return {
        "model": verified(
            decision=rain, probability=unknown if probability is None else probability.astype(np.float64)
        ),
        "persistence": verified(decision=samples.rain_now, probability=persistence),
        "climatology": verified(decision=climatology > 0.5, probability=climatology),
    }


def compare(
    artifacts: Artifacts,
    observed: Observations,
    logs: Sequence[Path],
    outcomes: Path | None,
    out: Path | None,
) -> drift.Report:
    """Logged forecasts beside the training data; a report is written to ``out``, if given.

    Features are compared with the hours that the model was made from, forecasts with its forecasts
    of the test fold: on the hours that it has seen it is surer of itself.

    Raises:
        BadArtifact: the artifacts have no manifest.
        BadData: the data is not the model's, or the log is unusable.
    """
    known = artifacts.manifest
    if known is None:
        raise BadArtifact("the artifacts have no manifest, so their training data is unknown")
    if observed.digest != known.data["sha256"]:
        raise observations.BadData(f"{observed.name} is not the data of this model (SHA-256): give --data")
    samples = observations.samples(observed, known.horizon_hours)
    seen = samples.where(samples.fold != known.split["test_fold"])
    unseen = samples.where(samples.fold == known.split["test_fold"])
    rain, probability = Classifier(compile_pair(artifacts).model)(unseen.x.astype(np.float32))
    chances = None if probability is None else probability.astype(np.float64)
    log = drift.read_log(logs)
    name = f"{len(seen):,} hours of training: {observed.name}"
    report = drift.compare(name, seen.x, chances, rain, log, outcomes)
    if out:
        drift.write(out, report, seen.x, chances, log)
    return report
