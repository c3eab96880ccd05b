"""The commands ``promote`` and ``rollback``, which change the latest pair in the model store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from weather.commands.output import print_message, print_result, spinner
from weather.commands.parsers import Commands, add_command
from weather.importing.errors import BadArtifact

if TYPE_CHECKING:  # see commands.pairs
    from weather.importing.latest import Pair

WHEN = (
    "A service with WEATHER_FOLLOW_LATEST takes it by itself; others at their next start, or on SIGHUP to "
    "the process of `bentoml serve`. A Bento or an image keeps its own models: build it again."
)


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add both commands to the command line."""
    command = add_command(commands, "promote", promote)
    command.add_argument(
        "tag", metavar="TAG", help="a classifier in the model store, as `models` lists them; or its version"
    )
    command.add_argument(
        "--log",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="log files, or folders of them, to compare it with the latest on; needs --outcomes",
    )
    command.add_argument(
        "--outcomes",
        type=Path,
        metavar="FILE.csv",
        help="outcomes by which the pair is refused if it was worse than the latest; needs --log",
    )
    command.add_argument(
        "--horizon",
        type=int,
        metavar="HOURS",
        help="horizon of the stations' export (default: the latest model's)",
    )
    command.add_argument(
        "--force", action="store_true", help="promote it even if it was worse; the history records that"
    )
    add_command(commands, "rollback", rollback)


def promote(arguments: argparse.Namespace) -> None:
    """Make a pair in the model store the latest, after the service's start-up check."""
    from weather.commands.pairs import checked
    from weather.importing import latest as store

    if bool(arguments.log) != bool(arguments.outcomes):
        raise BadArtifact("give --log and --outcomes together, or neither: a pair is judged by both")
    store.settle()
    pair = store.pair_named(arguments.tag)
    checked(pair)
    forced = worse(arguments, pair) if arguments.outcomes else None
    if forced and not arguments.force:
        raise BadArtifact(f"{pair.classifier} is not promoted: {forced}; --force promotes it all the same")
    if forced:
        print_message(f"promoted by --force, although {forced}", "yellow")
    change(pair, store.PROMOTED, forced, arguments.json)


def rollback(arguments: argparse.Namespace) -> None:
    """Make the previous latest pair the latest again; repeat it to go back further."""
    from weather.commands.pairs import checked
    from weather.importing import latest as store

    store.settle()
    before = store.previous(store.history())
    if before is None:
        raise BadArtifact("the model store's history has nothing to go back to")
    pair = store.pair_named(before.classifier)
    checked(pair)
    change(pair, store.ROLLED_BACK, None, arguments.json)


def worse(arguments: argparse.Namespace, pair: Pair) -> str | None:
    """Why a pair is worse than the latest on logged observations, in words; None if that is not certain."""
    from weather.commands.pairs import answers_of, horizon_of, latest
    from weather.reports import comparison, logs
    from weather.training.features import OPTIONAL

    with spinner("comparing with the latest"):
        served = latest()
        log = logs.read_log(arguments.log, OPTIONAL, min_rows=1)
        answers = answers_of(log, served, pair)
        judged = comparison.judge(
            answers, arguments.outcomes, arguments.horizon or horizon_of(served.classifier)
        )
    print_message(judged.verdict.sentence)
    return judged.loss


def change(pair: Pair, action: str, forced: str | None, as_json: bool) -> None:
    """Make a pair the latest, and print the change."""
    from weather.importing import latest as store

    before = store.latest_pair()
    changed = store.make_latest(pair, action, forced)
    if changed:
        print_message(
            f"{pair.classifier} is the latest now{f', before it {before.classifier}' if before else ''}",
            "green",
        )
        print_message(WHEN)
    else:
        print_message(f"{pair.classifier} is the latest already")
    print_result(
        {
            "scaler": pair.scaler,
            "classifier": pair.classifier,
            "before": before.classifier if before else None,
            "changed": changed,
            "forced": forced,
        },
        "\n".join(pair),
        as_json,
    )
