"""The ``compare`` command, and the answers of two models that ``promote`` judges too."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bentoml

from weather.commands.output import busy, put, say
from weather.commands.parsers import Commands, add_command
from weather.contract.names import CLASSIFIER
from weather.contract.optional import optional_fields
from weather.importing.errors import BadArtifact
from weather.importing.latest import Pair, latest_pair, pair_named, stored
from weather.model.classifier import Classifier
from weather.model.loading import NotServable, load, stored_pair

if TYPE_CHECKING:
    from weather.reports.comparison import Answers
    from weather.reports.logs import Log


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
    from weather.reports import comparison, comparison_report, logs
    from weather.training.features import OPTIONAL

    if given.out:  # before the work, not after it
        given.out.parent.mkdir(parents=True, exist_ok=True)
    with busy("comparing"):
        log = logs.read_log(given.log, OPTIONAL, min_rows=1)
        answers = (
            answers_of(log, latest(), pair_named(given.challenger))
            if given.challenger
            else comparison.logged_answers(log)
        )
        agreed = comparison.agreement(answers)
        horizon = given.horizon or horizon_of(answers.served)
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


def latest() -> Pair:
    """The latest pair of the store.

    Raises:
        BadArtifact: there is none.
    """
    pair = latest_pair()
    if pair is None:
        raise BadArtifact("the model store has no latest pair that can be read: run `make import` first")
    return pair


def answers_of(log: Log, served: Pair, challenger: Pair) -> Answers:
    """What two pairs of the store say to the observations of a log.

    Raises:
        BadArtifact: one of them fails the check that the service makes at its start.
    """
    from weather.reports.comparison import computed_answers

    sides, optional = [], []
    for pair in (served, challenger):
        sides.append((pair.classifier, checked(pair)))
        optional.append(optional_fields(bentoml.models.get(pair.classifier).info.metadata))
    return computed_answers(log, sides[0], sides[1], optional[0] & optional[1])


def checked(pair: Pair) -> Classifier:
    """The classifier of a pair, after the check that the service makes at its start.

    Raises:
        BadArtifact: no service would serve it.
    """
    try:
        return load(*stored_pair(pair.classifier))
    except NotServable as reason:
        raise BadArtifact(f"no service would serve {pair.classifier}: {reason}") from None


def horizon_of(classifier: str) -> int | None:
    """The horizon of a classifier, if it is in the store and has a manifest."""
    model = stored(classifier) if classifier.startswith(f"{CLASSIFIER}:") else None
    metadata: dict[str, Any] = model.info.metadata if model else {}
    horizon: int | None = metadata.get("manifest", {}).get("horizon_hours")
    return horizon
