"""Parsers of the single commands: each module of a command adds its own, in this form."""

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
    """A command that runs ``action``; its help is the docstring, its options ``--json`` and ``parents``."""
    scripts = argparse.ArgumentParser(add_help=False)
    scripts.add_argument("--json", action="store_true", help="the result as JSON, for scripts")
    command = commands.add_parser(
        name, parents=[*parents, scripts], help=action.__doc__, description=action.__doc__
    )
    command.set_defaults(action=action)
    return command
