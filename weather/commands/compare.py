"""The ``compare`` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from weather.commands.output import print_message, print_result, spinner
from weather.commands.parsers import Commands, add_command


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "compare", compare)
    command.add_argument(
        "--log", type=Path, required=True, nargs="+", metavar="PATH", help="log files, or folders of them"
    )
    command.add_argument(
        "--outcomes",
        type=Path,
        metavar="FILE.csv",
        help="rain (0, 1) by hour or features, or the stations' export",
    )
    command.add_argument(
        "--challenger",
        metavar="TAG",
        help="a classifier in the model store: its forecasts for the logged observations are compared with "
        "the latest model's, instead of logged answers",
    )
    command.add_argument(
        "--horizon",
        type=int,
        metavar="HOURS",
        help="horizon of the stations' export (default: the served model's)",
    )
    command.add_argument("--out", type=Path, metavar="REPORT.md", help="file of the report (default: stdout)")


def compare(arguments: argparse.Namespace) -> None:
    """Compare the served model with a challenger on logged observations."""
    from weather.commands import pairs
    from weather.importing.latest import pair_named
    from weather.reports import comparison, comparison_report, logs
    from weather.training.features import OPTIONAL

    if arguments.out:  # fail before the work, not after it
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with spinner("comparing"):
        log = logs.read_log(arguments.log, OPTIONAL, min_rows=1)
        answers = (
            pairs.answers_of(log, pairs.latest(), pair_named(arguments.challenger))
            if arguments.challenger
            else comparison.logged_answers(log)
        )
        agreed = comparison.agreement(answers)
        horizon = arguments.horizon or pairs.horizon_of(answers.served)
        judged = comparison.judge(answers, arguments.outcomes, horizon) if arguments.outcomes else None
        text = comparison_report.report(answers, agreed, judged)
        if arguments.out:
            arguments.out.write_text(text)
    if log.malformed:
        print_message(f"{log.malformed:,} malformed lines left out", "yellow")
    print_message(judged.verdict.sentence if judged else comparison.NO_OUTCOMES)
    print_result(
        comparison.as_json(answers, agreed, judged),
        str(arguments.out) if arguments.out else text.rstrip(),
        arguments.json,
    )
