"""Adding a command's parser to the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

Commands = argparse._SubParsersAction
"""argparse has no public name for it."""


def add_command(
    commands: Commands[argparse.ArgumentParser],
    name: str,
    action: Callable[[argparse.Namespace], int | None],
    parents: Sequence[argparse.ArgumentParser] = (),
) -> argparse.ArgumentParser:
    """Add a command that runs ``action``, and return its parser.

    Its help is the docstring of ``action``; its options are ``--json`` and those of ``parents``.
    """
    command = commands.add_parser(name, parents=[*parents], help=action.__doc__, description=action.__doc__)
    command.add_argument("--json", action="store_true", help="the result as JSON, for scripts")
    command.set_defaults(action=action)
    return command
