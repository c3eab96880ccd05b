"""The ``drift`` command."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from weather.commands.importing import artifacts_of, pair_options
from weather.commands.output import DRIFT, print_message, print_result, spinner
from weather.commands.parsers import Commands, add_command


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "drift", drift, [pair_options()])
    command.add_argument(
        "--log", type=Path, required=True, nargs="+", metavar="PATH", help="log files, or folders of them"
    )
    command.add_argument(
        "--data", type=Path, nargs="+", metavar="FILE", help="the training data (default: New York, 2013)"
    )
    command.add_argument(
        "--outcomes",
        type=Path,
        metavar="FILE.csv",
        help="rain (0, 1) by hour or features, or the stations' export",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="REPORT.md",
        help="file of the report, with pictures beside it (default: JSON on stdout)",
    )
    command.add_argument(
        "--fail-on-drift", action="store_true", help=f"exit code {DRIFT} when anything drifted"
    )


def drift(arguments: argparse.Namespace) -> int:
    """Compare logged forecasts with the training data."""
    from weather.reports import drift, drift_report, evaluation, logs, outcomes
    from weather.training import sources

    if arguments.out:  # fail before the work, not after it
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
    artifacts = artifacts_of(arguments)
    observed = sources.read(arguments.data) if arguments.data else sources.new_york_2013()
    with spinner("comparing"):
        baseline = drift.training_side(artifacts, observed)
        manifest = artifacts.manifest
        log = logs.read_log(arguments.log, manifest.optional if manifest else ())
        calibration = None
        if arguments.outcomes:
            horizon = evaluation.horizon_of(artifacts, None)
            calibration = outcomes.calibrate(log, arguments.outcomes, horizon)
        report = drift.compare(baseline, log, calibration)
        if arguments.out:
            drift_report.write(arguments.out, report, baseline, log)
    drifted = ", ".join(report.drifted)
    print_message(
        f"{report.rows:,} forecasts, {report.malformed:,} malformed lines; drifted: {drifted or 'none'}"
    )
    print_result(json.loads(report.as_json()), str(arguments.out), arguments.json or arguments.out is None)
    return DRIFT if drifted and arguments.fail_on_drift else 0
