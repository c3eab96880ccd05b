"""Train the rain-forecast model, import artifacts into the BentoML model store, evaluate them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from weather.commands.output import DRIFT, EXIT_CODES, busy, put, run, say, stages
from weather.contract.names import CARD_FILE, MODEL_FILE, SCALER_FILE
from weather.contract.version import VERSION
from weather.importing.artifacts import read

NAME = "train_import.py"
ARTIFACTS = Path(__file__).parent / "artifacts"


def train(given: argparse.Namespace) -> None:
    """Train on hourly observations and write the artifacts."""
    from weather.training import pipeline, sources, thresholds
    from weather.training.samples import samples

    rule = thresholds.parse_rule(given.threshold)
    observed = sources.read(given.data) if given.data else sources.new_york_2013()
    data = samples(observed, given.horizon)
    say(f"{observed.name}: {len(data):,} usable hours, rain follows {data.y.mean():.1%}")
    with stages() as stage:
        manifest = pipeline.train(observed, data, given.horizon, given.out, stage, rule)
    skill = manifest.metrics["cross_validation"]["model"]["bss_persistence"]
    chosen = ", ".join(f"{name} {value:g}" for name, value in manifest.hyperparameters.items())
    say(f"chosen: {chosen}")
    say("Brier skill against persistence {value:+.3f} ({low:+.3f} … {high:+.3f})".format(**skill))
    card = str(given.out / CARD_FILE)
    put({"card": card, "manifest": manifest.model_dump()}, card, given.json)


def import_artifacts(given: argparse.Namespace) -> None:
    """Import a scaler and a classifier into the model store."""
    from weather.importing import store

    latest = store.latest_pair()
    if given.if_missing and latest:
        say("the store holds a pair already; nothing added")
        put(
            dict(zip(("scaler", "classifier"), latest, strict=True)) | {"new": False},
            "\n".join(latest),
            given.json,
        )
        return
    with busy("compiling and comparing with the original"):
        artifacts = read(given.scaler, given.model)
        imported = store.import_pair(artifacts)
    known = imported.manifest
    if imported.repaired:
        say("already in the store, where files had changed or were missing; written again", "yellow")
    else:
        say("imported" if imported.new else "already in the store; nothing added", "green")
    for note in imported.compiled.notes:
        say(note)
    if known:
        say(f"{known.name}; Rain above probability {known.threshold:g}")
    else:
        say("no manifest: horizon, threshold and training range are unknown", "yellow")
    say(artifacts.card.note)
    if not imported.compiled.calibrated:
        say('the model carries no calibrated probability: "probability" will be null', "yellow")
    put(
        {
            "scaler": str(imported.scaler),
            "classifier": str(imported.classifier),
            "new": imported.new,
            "repaired": imported.repaired,
            "calibrated": imported.compiled.calibrated,
            "horizon_hours": known.horizon_hours if known else None,
            "threshold": known.threshold if known else None,
            "notes": imported.compiled.notes,
        },
        f"{imported.scaler}\n{imported.classifier}",
        given.json,
    )


def evaluate(given: argparse.Namespace) -> None:
    """Verify artifacts on files of observations."""
    from weather.reports import evaluation
    from weather.training import sources
    from weather.training.card import tables
    from weather.training.samples import samples

    artifacts = read(given.scaler, given.model)
    horizon = evaluation.horizon_of(artifacts, given.horizon)
    observed = sources.read(given.data)
    for note in observed.notes:
        say(note)
    data, note = evaluation.answerable(artifacts, samples(observed, horizon))
    if note:
        say(note, "yellow")
    with busy("forecasting and resampling"):
        rows = evaluation.evaluate(artifacts, data)
        scores, table = tables.as_json(rows), tables.scores(rows)
    say(
        f"{observed.name}: {len(data):,} hours, rain within {horizon} h follows {data.y.mean():.1%}; the "
        "references' frequencies are those of these very hours, which favours them"
    )
    put(scores, table, given.json)


def drift(given: argparse.Namespace) -> int:
    """Compare logged forecasts with the training data."""
    from weather.reports import drift, drift_report, logs, outcomes
    from weather.training import sources

    if given.out:  # before the work, not after it
        given.out.parent.mkdir(parents=True, exist_ok=True)
    artifacts = read(given.scaler, given.model)
    observed = sources.read(given.data) if given.data else sources.new_york_2013()
    with busy("comparing"):
        then = drift.training_side(artifacts, observed)
        log = logs.read_log(given.log, artifacts.manifest.optional if artifacts.manifest else ())
        calibration = outcomes.calibrate(log, given.outcomes) if given.outcomes else None
        report = drift.compare(then, log, calibration)
        if given.out:
            drift_report.write(given.out, report, then, log)
    drifted = ", ".join(report.drifted)
    say(f"{report.rows:,} forecasts, {report.malformed:,} malformed lines; drifted: {drifted or 'none'}")
    put(json.loads(report.as_json()), str(given.out), given.json or given.out is None)
    return DRIFT if drifted and given.fail_on_drift else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    found = argparse.ArgumentParser(
        prog=NAME,
        description=__doc__,
        epilog=f"Results go to stdout, everything else to stderr.\n\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")

    scripts = argparse.ArgumentParser(add_help=False)
    scripts.add_argument("--json", action="store_true", help="the result as JSON, for scripts")
    pair = argparse.ArgumentParser(add_help=False)
    pair.add_argument("--scaler", type=Path, default=ARTIFACTS / SCALER_FILE, metavar="FILE.pkl")
    pair.add_argument("--model", type=Path, default=ARTIFACTS / MODEL_FILE, metavar="FILE.onnx")

    command = commands.add_parser("train", parents=[scripts], help=train.__doc__, description=train.__doc__)
    command.set_defaults(action=train)
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="own observations: one CSV, or ISD-Lite files (default: New York, 2013)",
    )
    command.add_argument("--horizon", type=int, default=4, metavar="HOURS", help="default: 4")
    command.add_argument(
        "--threshold",
        default="hss",
        metavar="RULE",
        help="Rain above which probability: that of the best Heidke skill score over all hours (hss, the "
        "default) or over dry hours (onset), or a number, the ratio of cost to loss",
    )
    command.add_argument("--out", type=Path, default=ARTIFACTS, metavar="DIR", help="default: artifacts")

    about = import_artifacts.__doc__
    command = commands.add_parser("import", parents=[pair, scripts], help=about, description=about)
    command.set_defaults(action=import_artifacts)
    command.add_argument(
        "--if-missing", action="store_true", help="do nothing when the store holds a pair already"
    )

    about = evaluate.__doc__
    command = commands.add_parser("evaluate", parents=[pair, scripts], help=about, description=about)
    command.set_defaults(action=evaluate)
    command.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="FILE", help="one CSV, or ISD-Lite files"
    )
    command.add_argument("--horizon", type=int, metavar="HOURS", help="default: the manifest's")

    about = drift.__doc__
    command = commands.add_parser("drift", parents=[pair, scripts], help=about, description=about)
    command.set_defaults(action=drift)
    command.add_argument(
        "--log", type=Path, required=True, nargs="+", metavar="PATH", help="log files, or folders of them"
    )
    command.add_argument(
        "--data", type=Path, nargs="+", metavar="FILE", help="the training data (default: New York, 2013)"
    )
    command.add_argument("--outcomes", type=Path, metavar="FILE.csv", help="rain (0, 1) by hour or features")
    command.add_argument(
        "--out",
        type=Path,
        metavar="REPORT.md",
        help="report, with pictures beside it; without it JSON is printed",
    )
    command.add_argument(
        "--fail-on-drift", action="store_true", help=f"exit code {DRIFT} when anything drifted"
    )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code."""
    given = parser().parse_args(arguments)
    return run(NAME, lambda: given.action(given))


if __name__ == "__main__":
    sys.exit(main())
