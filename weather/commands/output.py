"""What a command says and how it ends: data to stdout, everything else to stderr, exit codes.

Colour and progress bars are for terminals only; ``NO_COLOR`` and ``TERM=dumb`` are honoured (by rich).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:  # importing artifacts needs nothing of training
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
"""130 and 141 are what shells report of programs that SIGINT and SIGPIPE ended."""

SCALE = ("pyarrow", "distributed")
"""What is needed to score files and to use a cluster, and for nothing else."""

console = Console(stderr=True)


def say(message: str, style: str = "") -> None:
    """A message for people, on one line however narrow the terminal."""
    console.print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def put(data: object, text: str, as_json: bool) -> None:
    """The result on stdout: ``data`` as JSON for scripts, or ``text`` for people and shells."""
    print(json.dumps(data, indent=1) if as_json else text)


@contextmanager
def stages() -> Iterator[Stage]:
    """A progress bar for each stage; nothing where stderr is not a terminal."""
    with Progress(console=console, disable=not console.is_terminal) as progress:
        yield lambda name, steps: partial(progress.advance, progress.add_task(name, total=steps))


def busy(message: str) -> AbstractContextManager[object]:
    """A spinner while something takes a second or two."""
    return console.status(message)


def run(name: str, command: Callable[[], int | None]) -> int:
    """Run a command; the exit code.

    What a user can mend (a ValueError such as BadArtifact or BadData, a file or a package that
    isn't there) is one sentence; what only we can mend keeps its traceback.
    """
    interrupted = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    # SIGTERM as Ctrl-C, or the processes that a command has started would go on without it. A signal that
    # is ignored, as SIGINT in `make train &`, stays so.
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
        # Python flushes stdout again at its end, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except Exception as error:
        if interrupted:  # compiled code may turn a KeyboardInterrupt into an error of its own
            return _interrupted(name)
        if isinstance(error, ModuleNotFoundError):
            lock = "scale" if error.name in SCALE else "training"
            say(f"{name}: the package {error.name} is missing: install requirements/{lock}.lock", "red")
        elif isinstance(error, (ValueError, OSError)):
            say(f"{name}: {error}", "red")
        else:
            raise
        return BAD_INPUT
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(name: str) -> int:
    # A console of its own: the other may have been interrupted between writing a line and forgetting it.
    Console(stderr=True).print(f"{name}: interrupted", style="yellow", highlight=False, soft_wrap=True)
    return INTERRUPTED
