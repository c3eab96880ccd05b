"""The ``compare`` command."""

from __future__ import annotations

import argparse
from pathlib import Path

from weather.commands.output import busy, put, say
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
        help="a classifier in the model store: what it and the latest say to the logged observations is "
        "compared, instead of logged answers",
    )
    command.add_argument(
        "--horizon", type=int, metavar="HOURS", help="of the stations' export; default: the served model's"
    )
    command.add_argument("--out", type=Path, metavar="REPORT.md", help="the report; without it it is printed")


def compare(given: argparse.Namespace) -> None:
    """Compare the served model with a challenger on logged observations."""
    from weather.commands import pairs
    from weather.importing.latest import pair_named
    from weather.reports import comparison, comparison_report, logs
    from weather.training.features import OPTIONAL

    if given.out:  # before the work, not after it
        given.out.parent.mkdir(parents=True, exist_ok=True)
    with busy("comparing"):
        log = logs.read_log(given.log, OPTIONAL, min_rows=1)
        answers = (
            pairs.answers_of(log, pairs.latest(), pair_named(given.challenger))
            if given.challenger
            else comparison.logged_answers(log)
        )
        agreed = comparison.agreement(answers)
        horizon = given.horizon or pairs.horizon_of(answers.served)
        judged = comparison.judge(answers, given.outcomes, horizon) if given.outcomes else None
        text = comparison_report.report(answers, agreed, judged)
        if given.out:
            given.out.write_text(text)
    if log.malformed:
        say(f"{log.malformed:,} malformed lines left out", "yellow")
    say(judged.verdict.sentence if judged else comparison.NO_OUTCOMES)
    put(
        comparison.as_json(answers, agreed, judged),
        str(given.out) if given.out else text.rstrip(),
        given.json,
    )
