"""Output and exit codes of the commands: results go to stdout, everything else to stderr.

Colour and progress bars are for terminals only; rich honours ``NO_COLOR`` and ``TERM=dumb``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from weather.training.progress import Stage

SUCCESS, BAD_INPUT, USAGE, DRIFT, DIFFERENT, REJECTED = range(6)
INTERRUPTED = 130
CLOSED_PIPE = 141

EXIT_CODES = {
    SUCCESS: "success",
    BAD_INPUT: "bad input: a file, a value or a package; stderr has one sentence",
    USAGE: "bad usage of the command line",
    DRIFT: "drift, with --fail-on-drift",
    DIFFERENT: "replay: other answers of the same model than logged, or rows refused",
    REJECTED: "rows were rejected, with --fail-on-rejected",
    INTERRUPTED: "interrupted (Ctrl-C or SIGTERM)",
    CLOSED_PIPE: "the reader of stdout went away",
}
"""130 and 141 are what shells report for a program that SIGINT or SIGPIPE ended."""

SCALE = ("pyarrow", "distributed")
"""Packages of the extra ``scale``, which only ``score`` and ``--cluster`` need."""


@cache
def console() -> Console:
    """Stderr. Imported when it is written to, so that ``--help`` needs no package."""
    from rich.console import Console

    return Console(stderr=True)


def print_message(message: str, style: str = "") -> None:
    """Print a message for people to stderr, on one line however narrow the terminal."""
    console().print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def print_result(data: object, text: str, as_json: bool) -> None:
    """Print the result to stdout: ``data`` as JSON for scripts, or ``text`` for people and shells."""
    print(json.dumps(data, indent=1) if as_json else text)


@contextmanager
def stages() -> Iterator[Stage]:
    """Show a progress bar for each stage, if stderr is a terminal."""
    from rich.progress import Progress

    with Progress(console=console(), disable=not console().is_terminal) as progress:
        yield lambda name, steps: partial(progress.advance, progress.add_task(name, total=steps))


def spinner(message: str) -> AbstractContextManager[object]:
    """Show a spinner while something takes a second or two, if stderr is a terminal."""
    return console().status(message)


def run(name: str, command: Callable[[], int | None]) -> int:
    """Run a command and return the exit code.

    An error that the user can correct is one sentence on stderr: a ValueError such as BadArtifact or BadData,
    a missing file, a missing package. Any other exception is a bug and keeps its traceback.
    """
    interrupted = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    # SIGTERM is handled as Ctrl-C: otherwise the processes that a command started would outlive it. A signal
    # that is ignored, as SIGINT in `make train &`, stays ignored.
    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        code = command() or SUCCESS
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _interrupted(name)
    except BrokenPipeError:
        # Python flushes stdout again when it exits, which would raise the error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except Exception as error:
        if interrupted:  # compiled code may turn a KeyboardInterrupt into an error of its own
            return _interrupted(name)
        if isinstance(error, ModuleNotFoundError):
            lock = "scale" if error.name in SCALE else "training"
            print_message(
                f"{name}: the package {error.name} is missing: install requirements/{lock}.lock", "red"
            )
        elif isinstance(error, (ValueError, OSError)):
            print_message(f"{name}: {error}", "red")
        else:
            raise
        return BAD_INPUT
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(name: str) -> int:
    from rich.console import Console

    # Not console(): it may have been interrupted after it wrote a line and before it emptied its buffer, and
    # would print that line again.
    Console(stderr=True).print(f"{name}: interrupted", style="yellow", highlight=False, soft_wrap=True)
    return INTERRUPTED
