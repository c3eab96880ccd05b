"""The ``replay`` command."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from weather.commands.output import DIFFERENT, print_message, print_result, stages
from weather.commands.parsers import Commands, add_command
from weather.importing.errors import BadArtifact

CONNECTIONS = 16
TOLERANCE = 1e-4
"""The same as for golden rows. Float32 sums depend on the batch size, which is not in the log: 136 of 2,179
probabilities of the committed model differed between a batch of one and a larger one, by up to 2.2e-5."""

MAX_CONNECTIONS = 60
"""A worker accepts 64 requests at once (weather/http/limits.py)."""


def add_parser(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    command = add_command(commands, "replay", replay)
    command.add_argument(
        "--log", type=Path, required=True, nargs="+", metavar="PATH", help="log files, or folders of them"
    )
    command.add_argument(
        "--url", required=True, metavar="URL", help="address of the service, e.g. http://127.0.0.1:3000"
    )
    pace = command.add_mutually_exclusive_group()
    pace.add_argument("--rate", type=positive, metavar="X", help="rows per second")
    pace.add_argument(
        "--speed", type=positive, default=1.0, metavar="N", help="as logged, N times as fast (default: 1)"
    )
    command.add_argument(
        "--connections",
        type=int,
        choices=range(1, MAX_CONNECTIONS + 1),
        default=CONNECTIONS,
        metavar="N",
        help=f"maximum of concurrent requests (default: {CONNECTIONS})",
    )
    command.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="X",
        help=f"allowed difference of probabilities (default: {TOLERANCE:g})",
    )
    command.add_argument(
        "--key-file", type=Path, metavar="FILE", help="file that holds the API key and nothing else"
    )


def replay(arguments: argparse.Namespace) -> int:
    """Send logged observations to a service again, and compare its answers with the logged ones."""
    from weather.reports import logs, replay_report
    from weather.reports.replay import Pace
    from weather.reports.replay import replay as send
    from weather.training.features import OPTIONAL

    log = logs.read_log(arguments.log, OPTIONAL, min_rows=1)
    pace = Pace(arguments.rate, arguments.speed)
    key = read_key(arguments.key_file) if arguments.key_file else None
    if log.malformed:
        print_message(f"{log.malformed:,} malformed lines left out", "yellow")
    times = log.table["time"].sort_values()
    print_message(
        f"{len(times):,} rows; the last one is due {pace.seconds(times)[-1]:,.0f} s after the start"
    )
    with stages() as stage:
        progress = stage("replaying", len(times))
        replayed = asyncio.run(send(log, arguments.url, pace, arguments.connections, key, progress))
    findings = replay_report.find(replayed, arguments.tolerance)
    if findings.late_seconds > 1:
        print_message(
            f"rows were sent up to {findings.late_seconds:.1f} s late: the service or --connections "
            f"{arguments.connections} held them up",
            "yellow",
        )
    print_message(f"{findings.faults:,} faults", "red" if findings.faults else "green")
    print_result(replay_report.as_json(findings), replay_report.text(findings), arguments.json)
    return DIFFERENT if findings.faults else 0


def positive(text: str) -> float:
    """A finite number above 0, for argparse.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0 is needed, not {text}")
    return number


def read_key(path: Path) -> str:
    """The API key in a file.

    Raises:
        BadArtifact: the file can't be read, or does not hold one word.
    """
    try:
        words = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise BadArtifact(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    if len(words) != 1:
        raise BadArtifact(f"{path} must hold the API key alone, and has {len(words)} words")
    return words[0]
