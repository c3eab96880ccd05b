"""Training, from observations to the files of a model and its card."""

from __future__ import annotations

from pathlib import Path

from weather.commands.output import Stage
from weather.contract.manifest import Manifest
from weather.contract.names import CARD_FILE
from weather.training import export, fitting, model_card, observations
from weather.training.observations import Observations, Samples

HORIZONS = (1, 2, 4, 8)


def train(observed: Observations, samples: Samples, horizon: int, out: Path, stage: Stage) -> Manifest:
    """Search, fit, verify, and write scaler, ONNX model, manifest and model card to ``out``.

    Raises:
        TooLittleData: a fold has no rainy or no dry hour.
    """
    fits = len(fitting.GRID) * observations.FOLDS
    found = fitting.search(samples, fitting.GRID, stage("blocked cross-validation", fits))

    done = stage("yardsticks and horizons", len(fitting.YARDSTICKS) + len(HORIZONS))
    yardsticks = {}
    for name, make in fitting.YARDSTICKS.items():
        yardsticks[name] = fitting.cross_validate(samples, make)
        done()
    by_horizon = {}
    for hours in HORIZONS:
        other = observations.samples(observed, hours)
        by_horizon[hours] = fitting.cross_validate(other, found.chosen.svc)
        done()

    done = stage("final fit, model card", 2)
    test_fold = observations.FOLDS - 1
    dealt = fitting.roles(samples, test_fold)
    model = fitting.fit(dealt.seen, found.chosen.svc())
    test = fitting.verify(dealt, model)
    pooled = {"model": found.pooled, "persistence": fitting.persistence(samples), **yardsticks}
    test_persistence = fitting.as_now(dealt)
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
            candidates=len(fitting.GRID),
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
