"""``make figures``: makes every figure and picture of the README, the documents and the model cards.

Each command writes its own blocks and pictures. --stale lists those whose sources have changed since.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from loadtest.figures import FIGURES, Figure, keep, minutes, record, recorded, staleness
from loadtest.sources import PROJECT

MADE = "made"


def report_stale() -> None:
    """Print a line for each figure whose sources have changed since it was made, or that was never made."""
    reasons = {figure.name: reason for figure in FIGURES if (reason := staleness(figure))}
    for name, reason in reasons.items():
        print(f"figure {name}: {reason}")
    fresh = f"{len(FIGURES) - len(reasons)} of {len(FIGURES)} figures are of these sources"
    print(f"{fresh}; `make figures` makes the others" if reasons else fresh)


def make(figures: Sequence[Figure]) -> int:
    """Run the commands one after another; the exit code is 1 if a figure was not made."""
    total = sum(map(minutes, figures))
    print(f"{len(figures)} figures, about {total:.0f} minutes on two idle cores:", flush=True)
    for figure in figures:
        print(f"  {figure.name:13} {minutes(figure):4g} min  {' '.join(figure.command)}", flush=True)
    outcomes = []
    for number, figure in enumerate(figures, 1):
        print(f"\n{number} of {len(figures)}: {figure.name}", flush=True)
        start = time.monotonic()
        outcome = run(figure)
        outcomes.append(outcome)
        took = round((time.monotonic() - start) / 60, 1)
        if outcome == MADE:
            keep({m: e | ({"minutes": took} if m in figure.marks else {}) for m, e in recorded().items()})
        print(f"{figure.name}: {outcome}, {took} min", flush=True)
    print("\n" + "\n".join(f"{f.name:13} {outcome}" for f, outcome in zip(figures, outcomes, strict=True)))
    return int(any(outcome != MADE for outcome in outcomes))


def run(figure: Figure) -> str:
    """Run the command of one figure and return the outcome in words, ``MADE`` if it succeeded."""
    missing = [tool for tool in figure.needs if shutil.which(tool) is None]
    if missing:
        return f"not made: {', '.join(missing)} is missing (make doctor)"
    before = recorded()
    keep({mark: entry for mark, entry in before.items() if mark not in figure.marks})
    try:
        code = subprocess.run(figure.command, cwd=PROJECT, check=False).returncode
    except OSError as error:
        keep(before)
        return f"not made: {figure.command[0]}: {error.strerror}"
    if code == 0 and figure.records_nothing:
        for mark in figure.marks:
            record(mark)
    lacking = [mark for mark in figure.marks if mark not in recorded()]
    if lacking:  # the documents still show the figures recorded before
        keep(recorded() | {mark: before[mark] for mark in lacking if mark in before})
    if code:
        return f"failed with exit code {code}"
    return f"not made: the command wrote nothing for {', '.join(lacking)}" if lacking else MADE


def main(arguments: Sequence[str] | None = None) -> int:
    """Make figures, or list them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.make_figures", description=__doc__)
    names = [figure.name for figure in FIGURES]
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"make this one (may be repeated): {', '.join(names)}",
    )
    parser.add_argument(
        "--changed", action="store_true", help="make only those whose sources have changed since"
    )
    parser.add_argument(
        "--list", action="store_true", help="list the figures and their commands, and make none"
    )
    parser.add_argument(
        "--stale", action="store_true", help="list figures whose sources have changed since, and make none"
    )
    options = parser.parse_args(arguments)
    if options.stale:
        report_stale()
        return 0
    chosen = [figure for figure in FIGURES if not options.only or figure.name in options.only]
    if options.changed:
        chosen = [figure for figure in chosen if staleness(figure)]
    if options.list:
        for figure in chosen:
            places = ", ".join((*figure.marks, *figure.pictures))
            print(f"{figure.name:13} {minutes(figure):4g} min  {' '.join(figure.command)}\n{'':15}{places}")
        return 0
    return make(chosen)


if __name__ == "__main__":
    sys.exit(main())
