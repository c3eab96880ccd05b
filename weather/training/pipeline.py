"""Training, from observations to the files of a model and its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from weather.contract.manifest import Manifest
from weather.contract.names import NEW_YORK
from weather.training import export
from weather.training.baselines import BASELINES
from weather.training.card import tables, text
from weather.training.card.findings import MODEL, Findings, Results
from weather.training.cross_fitting import (
    CrossFit,
    Estimator,
    asked,
    best,
    cross_fits,
    fit,
    nested,
    persistence,
)
from weather.training.features import OPTIONAL, VISIBILITY
from weather.training.fitting import Classifier, Hyperparameters, Model, scaler_of
from weather.training.graph import to_onnx
from weather.training.observations import Observations
from weather.training.places import Place, asked_elsewhere, hidden
from weather.training.progress import Stage
from weather.training.samples import BLOCK_HOURS, FOLDS, TEST_FOLD, Samples, TooLittleData, samples
from weather.training.thresholds import HSS, ONSET, Rule, threshold_interval
from weather.training.verification import Verification

K = TypeVar("K")

GRID = [Hyperparameters(gamma, c) for gamma in (0.005, 0.01, 0.02) for c in (0.1, 0.3)]
"""The Brier skill of these settings differs by .004 on the default data. Outside of this grid, with gamma
0.003 and 0.04 or C 0.03 and 1, it is up to .02 lower."""

HORIZONS = (1, 2, 4, 8)
"""Of the card's table, beside the model's own."""

FITS = FOLDS * (FOLDS + 1) // 2
"""Of each cross-fit."""


def train(
    observed: Observations, data: Samples, horizon: int, out: Path, stage: Stage, rule: Rule = HSS
) -> Manifest:
    """Search, fit, verify, and write scaler, ONNX model, manifest and model card to ``out``.

    Raises:
        TooLittleData: a fold has no rainy or no dry hour.
    """
    # With one thread the bytes of the result do not depend on the number of cores. On a busy machine the
    # threads of gradient boosting would also wait for each other ten times as long as they compute.
    with threadpool_limits(1):
        return _train(observed, data, horizon, out, stage, rule)


def _train(
    observed: Observations, data: Samples, horizon: int, out: Path, stage: Stage, rule: Rule
) -> Manifest:
    candidates = searched(data, {h: partial(Classifier, h) for h in GRID}, stage, "search")
    chosen = best(candidates, TEST_FOLD)
    best_fit = candidates[chosen]
    baselines = {name: searched(data, settings, stage, name) for name, settings in BASELINES.items()}
    by_horizon = {horizon: nested(candidates, rule)}
    by_horizon |= other_horizons(observed, horizon, chosen, rule, stage)

    done = stage("exported model, model card", 2)
    seen, log_odds = best_fit.held_out(TEST_FOLD)
    sigmoid = best_fit.sigmoids[TEST_FOLD]
    model = Model(
        scaler_of(seen.x), fit(Classifier(chosen), seen), sigmoid, best_fit.threshold(TEST_FOLD, rule)
    )
    results = Results(
        model=by_horizon[horizon],
        persistence=persistence(data),
        baselines={name: nested(fits, rule) for name, fits in baselines.items()},
        onset=nested(candidates, ONSET),
        blind=_blind(candidates, rule),
        by_horizon=dict(sorted(by_horizon.items())),
        places=_places(observed, model, baselines, seen, horizon),
    )
    spread = threshold_interval(rule, sigmoid(log_odds), seen.y, seen.rain_now, seen.day)
    done()
    manifest = export.write(
        out,
        model,
        to_onnx(model),
        seen,
        export.golden_rows(model, data.where(data.fold == TEST_FOLD)),
        {
            **facts(observed, data, horizon),
            "optional": list(OPTIONAL),
            "hyperparameters": {"gamma": chosen.gamma, "c": chosen.c, "vectors": len(model.classifier.basis)},
            "metrics": tables.metrics(results, data),
        },
    )
    text.write(
        out,
        Findings(
            manifest=manifest,
            observations=observed,
            samples=data,
            results=results,
            rule=rule,
            onset_threshold=best_fit.threshold(TEST_FOLD, ONSET),
            threshold_interval=spread,
            chosen=str(chosen),
            settings={MODEL: len(GRID), **{name: len(settings) for name, settings in BASELINES.items()}},
        ),
    )
    done()
    return manifest


def searched(
    data: Samples, makers: Mapping[K, Callable[[], Estimator]], stage: Stage, name: str
) -> dict[K, CrossFit]:
    """A cross-fit for each of the settings."""
    return cross_fits(data, makers, stage(name, FITS * len(makers)))


def other_horizons(
    observed: Observations, horizon: int, chosen: Hyperparameters, rule: Rule, stage: Stage
) -> dict[int, Verification]:
    """The model for the other horizons of the card, as far as there are hours enough for them."""
    verified = {}
    for hours in HORIZONS:
        if hours != horizon:
            with suppress(TooLittleData):
                other = samples(observed, hours)
                makers = {chosen: partial(Classifier, chosen)}
                verified[hours] = nested(searched(other, makers, stage, f"horizon {hours} h"), rule)
    return verified


def facts(observed: Observations, data: Samples, horizon: int) -> dict[str, object]:
    """What a manifest says of the data and of its split."""
    seen = int((data.fold != TEST_FOLD).sum())
    return {
        "name": f"rain within {horizon} h, {observed.name}",
        "horizon_hours": horizon,
        "data": {
            "name": observed.name,
            "sha256": observed.digest,
            "first_hour": str(data.hour.min()),
            "last_hour": str(data.hour.max()),
            "usable_hours": len(data),
        },
        "split": {
            "block_hours": BLOCK_HOURS,
            "folds": FOLDS,
            "gap_hours": horizon,
            "test_fold": TEST_FOLD,
            "train_hours": seen,
            "test_hours": len(data) - seen,
        },
    }


def _blind(candidates: Mapping[Hyperparameters, CrossFit], rule: Rule) -> Verification | None:
    """The model asked without visibility; None where it was never measured."""
    x = next(iter(candidates.values())).samples.x
    if np.isnan(x[:, VISIBILITY]).all():
        return None
    return asked(candidates, rule, hidden(x), Classifier)


def _places(
    observed: Observations,
    model: Model,
    baselines: Mapping[str, Mapping[str, CrossFit]],
    seen: Samples,
    horizon: int,
) -> list[Place]:
    """The exported model and the baselines elsewhere; nothing for a model of other data than New York's."""
    if observed.name != NEW_YORK:
        return []
    fitted = {name: BASELINES[name][best(fits, TEST_FOLD)]() for name, fits in baselines.items()}
    return asked_elsewhere(model, fitted, seen, horizon, MODEL)
