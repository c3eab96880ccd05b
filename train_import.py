"""Train the rain-forecast model, import it into the BentoML model store, evaluate, compare and promote it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from weather.commands import compare, drift, evaluate, importing, models, promote, replay, score, train
from weather.commands.output import EXIT_CODES, run
from weather.contract.version import VERSION

NAME = "train_import.py"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    command_line = argparse.ArgumentParser(
        prog=NAME,
        description=__doc__,
        epilog=f"Results go to stdout, everything else to stderr.\n\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command_line.add_argument("--version", action="version", version=f"{NAME} {VERSION}")
    commands = command_line.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train.add_parser(commands)
    importing.add_parser(commands)
    evaluate.add_parser(commands)
    drift.add_parser(commands)
    compare.add_parser(commands)
    promote.add_parser(commands)
    models.add_parser(commands)
    replay.add_parser(commands)
    score.add_parser(commands)
    return command_line


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    arguments = parser().parse_args(argv)
    return run(NAME, lambda: arguments.action(arguments))


if __name__ == "__main__":
    sys.exit(main())
