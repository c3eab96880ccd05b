"""Train the rain-forecast model, import artifacts into the BentoML model store, evaluate them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from weather.commands import score
from weather.commands.cluster import HELP, fits_on
from weather.commands.importing import ARTIFACTS, artifacts_of, import_artifacts, pair_options
from weather.commands.output import DRIFT, EXIT_CODES, busy, put, run, say, stages
from weather.contract.names import CARD_FILE
from weather.contract.version import VERSION

NAME = "train_import.py"


def train(given: argparse.Namespace) -> None:
    """Train on hourly observations and write the artifacts."""
    from weather.training import pipeline, sources, thresholds
    from weather.training.samples import samples

    rule = thresholds.parse_rule(given.threshold)
    observed = sources.read(given.data) if given.data else sources.new_york_2013()
    data = samples(observed, given.horizon)
    say(f"{observed.name}: {len(data):,} usable hours, rain follows {data.y.mean():.1%}")
    with fits_on(given.cluster), stages() as stage:
        manifest = pipeline.train(observed, data, given.horizon, given.out, stage, rule)
    skill = manifest.metrics["cross_validation"]["model"]["bss_persistence"]
    chosen = ", ".join(f"{name} {value:g}" for name, value in manifest.hyperparameters.items())
    say(f"chosen: {chosen}")
    say("Brier skill against persistence {value:+.3f} ({low:+.3f} … {high:+.3f})".format(**skill))
    card = str(given.out / CARD_FILE)
    put({"card": card, "manifest": manifest.model_dump()}, card, given.json)


def evaluate(given: argparse.Namespace) -> None:
    """Verify artifacts on files of observations."""
    from weather.reports import evaluation
    from weather.training import sources
    from weather.training.card import tables
    from weather.training.samples import samples

    artifacts = artifacts_of(given)
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
    artifacts = artifacts_of(given)
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
    pair = pair_options()

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
    command.add_argument("--cluster", metavar="ADDRESS", help=HELP)

    about = import_artifacts.__doc__
    command = commands.add_parser("import", parents=[pair, scripts], help=about, description=about)
    command.set_defaults(action=import_artifacts)
    command.add_argument(
        "--if-missing", action="store_true", help="do nothing when the store holds a pair already"
    )
    command.add_argument(
        "--check",
        type=Path,
        metavar="FILE.csv",
        help="import only if labels and probabilities are those in this file, columns label and probability",
    )
    command.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="how far probabilities may differ (default: 1e-5; 5e-3 for an SVC's own probabilities)",
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
    score.add_parser(commands)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code."""
    given = parser().parse_args(arguments)
    return run(NAME, lambda: given.action(given))


if __name__ == "__main__":
    sys.exit(main())
