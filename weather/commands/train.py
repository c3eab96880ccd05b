"""The ``train`` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from weather.commands.cluster import HELP, fits_on
from weather.commands.importing import ARTIFACTS
from weather.commands.output import print_message, print_result, stages
from weather.commands.parsers import Commands, add_command
from weather.contract.names import CARD_FILE


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "train", train)
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="observations: one CSV, or ISD-Lite files (default: New York, 2013)",
    )
    command.add_argument(
        "--horizon", type=int, default=4, metavar="HOURS", help="horizon of the forecast (default: 4)"
    )
    command.add_argument(
        "--threshold",
        default="hss",
        metavar="RULE",
        help="probability above which Rain is forecast: that of the best Heidke skill score over all hours "
        "(hss, the default) or over dry hours (onset), or a number, the ratio of cost to loss",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=ARTIFACTS,
        metavar="DIR",
        help="folder for the artifacts (default: artifacts)",
    )
    command.add_argument("--cluster", metavar="ADDRESS", help=HELP)


def train(arguments: argparse.Namespace) -> None:
    """Train on hourly observations and write the artifacts."""
    from weather.training import pipeline, sources, thresholds
    from weather.training.samples import samples

    rule = thresholds.parse_rule(arguments.threshold)
    observed = sources.read(arguments.data) if arguments.data else sources.new_york_2013()
    for note in observed.notes:
        print_message(note)
    data = samples(observed, arguments.horizon)
    print_message(f"{observed.name}: {len(data):,} usable hours, rain follows {data.y.mean():.1%}")
    with fits_on(arguments.cluster), stages() as stage:
        manifest = pipeline.train(observed, data, arguments.horizon, arguments.out, stage, rule)
    skill = manifest.metrics["cross_validation"]["model"]["bss_persistence"]
    chosen = ", ".join(f"{name} {value:g}" for name, value in manifest.hyperparameters.items())
    print_message(f"chosen: {chosen}")
    print_message("Brier skill against persistence {value:+.3f} ({low:+.3f} … {high:+.3f})".format(**skill))
    card = str(arguments.out / CARD_FILE)
    print_result({"card": card, "manifest": manifest.model_dump()}, card, arguments.json)
