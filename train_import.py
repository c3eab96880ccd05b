"""Train the rain-forecast model, import artifacts into the BentoML model store, evaluate them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from rich.console import Console

from weather.artifacts import MODEL_FILE, SCALER_FILE, BadArtifact, read

ARTIFACTS = Path(__file__).parent / "artifacts"
HORIZONS = (1, 2, 4, 8)

console = Console(stderr=True)


def train(data: Path | None, horizon: int, out: Path) -> None:
    """Search, fit, verify, and write scaler, ONNX model, manifest and model card to ``out``."""
    from rich.progress import Progress

    from weather import export, model_card, observations, training

    observed = observations.from_csv(data) if data else observations.new_york_2013()
    samples = observations.samples(observed, horizon)
    console.print(f"{observed.name}: {len(samples):,} usable hours, rain follows {samples.y.mean():.1%}")

    with Progress(console=console) as progress:
        fits = len(training.GRID) * observations.FOLDS
        task = progress.add_task("blocked cross-validation", total=fits)
        found = training.search(samples, training.GRID, partial(progress.advance, task))

        task = progress.add_task("yardsticks and horizons", total=len(training.YARDSTICKS) + len(HORIZONS))
        yardsticks = {}
        for name, make in training.YARDSTICKS.items():
            yardsticks[name] = training.cross_validate(samples, make)
            progress.advance(task)
        by_horizon = {}
        for hours in HORIZONS:
            other = observations.samples(observed, hours)
            by_horizon[hours] = training.cross_validate(other, found.chosen.svc)
            progress.advance(task)

    test_fold = observations.FOLDS - 1
    dealt = training.roles(samples, test_fold)
    model = training.fit(dealt.seen, found.chosen.svc())
    test = training.verify(dealt, model)
    pooled = {"model": found.pooled, "persistence": training.persistence(samples), **yardsticks}
    test_persistence = training.as_now(dealt)
    manifest = export.write(
        out,
        model,
        dealt.seen,
        export.golden_rows(model, dealt.test),
        {
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
                "train_hours": len(dealt.seen),
                "test_hours": len(dealt.test),
            },
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
        out / "MODEL_CARD.md",
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
    scores = manifest.metrics["cross_validation"]["model"]
    console.print(
        f"chosen: {found.chosen}; Brier skill against persistence {scores['bss_persistence']['value']:+.3f}"
        f" ({scores['bss_persistence']['low']:+.3f} … {scores['bss_persistence']['high']:+.3f})"
    )
    print(out / "MODEL_CARD.md")


def import_artifacts(scaler: Path, model: Path, if_missing: bool) -> None:
    """Put a pair into the model store and say what is known of it."""
    from weather import store

    if if_missing and store.has_pair():
        return
    imported = store.import_pair(read(scaler, model))
    print(f"{imported.scaler}\n{imported.classifier}")
    console.print("imported" if imported.new else "already in the store; nothing added")
    for note in imported.compiled.notes:
        console.print(note)
    if imported.manifest is None:
        console.print("no manifest: horizon, threshold and training range are unknown")
    else:
        known = imported.manifest
        console.print(f"{known.name}; Rain above probability {known.threshold:g}")
    if not imported.compiled.calibrated:
        console.print('the model carries no calibrated probability: "probability" will be null')


def evaluate(data: Path, scaler: Path, model: Path, horizon: int | None, as_json: bool) -> None:
    """Print the verification of any artifacts on any labelled file."""
    import numpy as np

    from weather import model_card, observations
    from weather.classifier import Classifier
    from weather.compiler import compile_pair
    from weather.verification import Reference, Verification

    artifacts = read(scaler, model)
    if horizon is None:
        if artifacts.manifest is None:
            raise BadArtifact("the artifacts have no manifest, so their horizon is unknown: give --horizon")
        horizon = artifacts.manifest.horizon_hours
    observed = observations.from_csv(data)
    for note in observed.notes:
        console.print(note)
    samples = observations.samples(observed, horizon)
    rain, probability = Classifier(compile_pair(artifacts).model)(samples.x.astype(np.float32))
    reference = Reference.of(samples.rain_now, samples.y)
    shared = {
        "y": samples.y,
        "climatology": np.full(len(samples), reference.climatology),
        "persistence": reference.persistence(samples.rain_now),
        "day": samples.hour.astype("datetime64[D]"),
    }
    unknown = np.full(len(samples), np.nan)
    chance = unknown if probability is None else probability.astype(np.float64)
    rows = {
        "model": Verification(decision=rain, probability=chance, **shared),
        "persistence": Verification(decision=samples.rain_now, probability=shared["persistence"], **shared),
        "climatology": Verification(
            decision=np.full(len(samples), reference.climatology > 0.5),
            probability=shared["climatology"],
            **shared,
        ),
    }
    console.print(
        f"{len(samples):,} hours, rain within {horizon} h follows {samples.y.mean():.1%}; the references' "
        "frequencies are those of this very file, which favours them"
    )
    print(json.dumps(model_card.scores_json(rows), indent=1) if as_json else model_card.table(rows))


def drift(given: argparse.Namespace) -> bool:
    """Compare logged forecasts with the training data; whether anything has drifted.

    Features are compared with the hours that the model was made from, forecasts with its forecasts
    of the test fold: on the hours that it has seen it is surer of itself.
    """
    import numpy as np

    from weather import drift, observations
    from weather.classifier import Classifier
    from weather.compiler import compile_pair

    artifacts = read(given.scaler, given.model)
    known = artifacts.manifest
    if known is None:
        raise BadArtifact("the artifacts have no manifest, so their training data is unknown")
    observed = observations.from_csv(given.data) if given.data else observations.new_york_2013()
    if observed.digest != known.data["sha256"]:
        raise observations.BadData(f"{observed.name} is not the data of this model (SHA-256): give --data")
    samples = observations.samples(observed, known.horizon_hours)
    seen = samples.where(samples.fold != known.split["test_fold"])
    unseen = samples.where(samples.fold == known.split["test_fold"])
    rain, probability = Classifier(compile_pair(artifacts).model)(unseen.x.astype(np.float32))
    chances = None if probability is None else probability.astype(np.float64)
    log = drift.read_log(given.log)
    name = f"{len(seen):,} hours of training: {observed.name}"
    report = drift.compare(name, seen.x, chances, rain, log, given.outcomes)
    if given.out:
        drift.write(given.out, report, seen.x, chances, log)
    if given.json:
        print(report.as_json())
    elif given.out:
        print(given.out)
    console.print(
        f"{report.rows:,} forecasts, {report.malformed:,} malformed lines; "
        f"drifted: {', '.join(report.drifted) or 'none'}"
    )
    return bool(report.drifted)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 for success, 1 for bad input, 2 for bad usage, 3 for drift if so wanted."""
    parser = argparse.ArgumentParser(prog="train_import.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("train", help="train on hourly observations and write the artifacts")
    command.add_argument(
        "--data", type=Path, metavar="FILE.csv", help="own observations (default: New York, 2013)"
    )
    command.add_argument("--horizon", type=int, default=4, metavar="HOURS", help="default: 4")
    command.add_argument("--out", type=Path, default=ARTIFACTS, metavar="DIR", help="default: artifacts")

    command = commands.add_parser("import", help="import a scaler and a classifier into the model store")
    _add_artifacts(command)
    command.add_argument(
        "--if-missing", action="store_true", help="do nothing when the store holds a pair already"
    )

    command = commands.add_parser("evaluate", help="verify artifacts on a file of observations")
    command.add_argument("--data", type=Path, required=True, metavar="FILE.csv")
    command.add_argument("--horizon", type=int, metavar="HOURS", help="default: the manifest's")
    command.add_argument("--json", action="store_true", help="figures for scripts instead of a table")
    _add_artifacts(command)

    command = commands.add_parser("drift", help="compare logged forecasts with the training data")
    command.add_argument(
        "--log", type=Path, required=True, nargs="+", metavar="PATH", help="log files, or folders of them"
    )
    command.add_argument(
        "--data", type=Path, metavar="FILE.csv", help="the training data (default: New York, 2013)"
    )
    command.add_argument("--outcomes", type=Path, metavar="FILE.csv", help="rain (0, 1) by hour or features")
    command.add_argument("--out", type=Path, metavar="REPORT.md", help="report; pictures go beside it")
    command.add_argument("--json", action="store_true", help="figures for scripts")
    command.add_argument("--fail-on-drift", action="store_true", help="exit code 3 when anything drifted")
    _add_artifacts(command)

    given = parser.parse_args(arguments)
    try:
        if given.command == "train":
            train(given.data, given.horizon, given.out)
        elif given.command == "import":
            import_artifacts(given.scaler, given.model, given.if_missing)
        elif given.command == "drift":
            if drift(given) and given.fail_on_drift:
                return 3
        else:
            evaluate(given.data, given.scaler, given.model, given.horizon, given.json)
    except ValueError as error:  # BadArtifact, BadData, TooLittleData: each one clear sentence
        console.print(f"train_import.py: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    return 0


def _add_artifacts(command: argparse.ArgumentParser) -> None:
    command.add_argument("--scaler", type=Path, default=ARTIFACTS / SCALER_FILE, metavar="FILE.pkl")
    command.add_argument("--model", type=Path, default=ARTIFACTS / MODEL_FILE, metavar="FILE.onnx")


if __name__ == "__main__":
    sys.exit(main())
