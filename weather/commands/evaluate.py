"""The ``evaluate`` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from weather.commands.importing import artifacts_of, pair_options
from weather.commands.output import print_message, print_result, spinner
from weather.commands.parsers import Commands, add_command


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "evaluate", evaluate, [pair_options()])
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="observations: one CSV, or ISD-Lite files",
    )
    command.add_argument(
        "--horizon",
        type=int,
        metavar="HOURS",
        help="horizon of the forecasts (default: the manifest's)",
    )


def evaluate(arguments: argparse.Namespace) -> None:
    """Verify artifacts on files of observations."""
    from weather.reports import evaluation
    from weather.training import sources
    from weather.training.card import tables
    from weather.training.samples import samples

    artifacts = artifacts_of(arguments)
    horizon = evaluation.horizon_of(artifacts, arguments.horizon)
    observed = sources.read(arguments.data)
    for note in observed.notes:
        print_message(note)
    data, note = evaluation.answerable(artifacts, samples(observed, horizon))
    if note:
        print_message(note, "yellow")
    with spinner("forecasting and resampling"):
        rows = evaluation.evaluate(artifacts, data)
        scores, table = tables.as_json(rows), tables.scores(rows)
    print_message(
        f"{observed.name}: {len(data):,} hours, rain within {horizon} h follows {data.y.mean():.1%}; the "
        "references know the frequencies of these very hours, which favours them"
    )
    print_result(scores, table, arguments.json)
