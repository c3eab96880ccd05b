"""``make bench``: this service beside its peers; ``options.DESCRIPTION`` says how to read the figures."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import bulk, growth, instructions, kernels, options, report
from benchmarks.comparison import measure_all, medians_of
from benchmarks.load import prepare
from benchmarks.running import check_out, in_history
from benchmarks.servers import ABLATIONS, MLSERVER, OURS, PEERS, PREVIOUS, PROJECT, Server, bento
from loadtest.tables import excerpt, publish

RESULTS = PROJECT / "benchmarks" / "results"
DOCUMENT = PROJECT / "docs" / "performance.md"
GROWTH_ROUNDS = 3
"""Rounds of the growth table, whose rows are not compared with peers."""


def main() -> int:
    """Print and write the tables and the picture."""
    arguments = options.bench().parse_args()
    if not shutil.which("wrk") or not shutil.which("taskset"):
        print("make bench needs wrk and taskset: install the system's packages wrk and util-linux")
        return 1
    if (os.cpu_count() or 1) < 2:
        print("make bench needs two cores, one for the server and one for the load")
        return 1
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        prepare(home)
        for name in arguments.part or PARTS:
            started = time.monotonic()
            text = PARTS[name](home, arguments)
            (RESULTS / f"{name}.md").write_text(f"{text}\n")
            if arguments.publish:
                publish(DOCUMENT, f"make bench: {name}", text)
            print(f"{text}\n\n({name}: {time.monotonic() - started:.0f} s)\n", flush=True)
    return 0


def peers(home: Path, arguments: argparse.Namespace) -> str:
    """Our service, its previous release and other implementations."""
    servers = [*PEERS, *(by_python(path) for path in arguments.python)]
    if not in_history(PREVIOUS):
        print(f"the previous release is left out: commit {PREVIOUS} is not in this copy's history")
        servers = [server for server in servers if server.commit != PREVIOUS]
    if not MLSERVER.exists():
        servers = [server for server in servers if not server.is_mlserver]
    table = compared("peers", servers, home, arguments)
    if arguments.publish:
        shutil.copy(RESULTS / "peers.svg", PROJECT / "docs" / "bench.svg")
        publish(PROJECT / "README.md", "make bench", excerpt(table, report.SHORT_ROWS, report.short_header()))
    return table


def ablations(home: Path, arguments: argparse.Namespace) -> str:
    """Our service, and the same without one of its optimisations."""
    (ours,) = (server for server in PEERS if server.name == OURS)
    return compared("ablations", [ours, *ABLATIONS], home, arguments)


def compared(part: str, servers: Sequence[Server], home: Path, arguments: argparse.Namespace) -> str:
    """The table of servers that answer single requests, with the conditions."""
    chosen = [server for server in servers if arguments.only in server.name]
    for server in chosen:
        if server.commit:
            check_out(server, home)
    rounds = measure_all(chosen, home, arguments.rounds, arguments.seconds)
    medians = medians_of(rounds)
    (RESULTS / f"{part}.json").write_text(json.dumps({"medians": medians, "rounds": rounds}, indent=1))
    report.draw(medians, RESULTS / f"{part}.svg")
    conditions = report.conditions(arguments.rounds, arguments.seconds)
    return f"{report.table(medians, rounds)}\n\n{conditions}"


def by_python(path: str) -> Server:
    """Our service, run by another interpreter that has the serving packages."""
    print_version = "import platform; print(platform.python_version())"
    version = subprocess.run([path, "-c", print_version], capture_output=True, text=True, check=True).stdout
    server = bento(f"{OURS}, Python {version.strip()}", "service:RainForecast")
    return Server(server.name, [path, *server.command[1:]], server.ready)


PARTS: dict[str, Callable[[Path, argparse.Namespace], str]] = {
    "peers": peers,
    "ablations": ablations,
    "bulk": lambda home, arguments: bulk.measure(home, arguments.rounds, arguments.seconds),
    "growth": lambda home, arguments: growth.measure(
        home, min(arguments.rounds, GROWTH_ROUNDS), arguments.seconds
    ),
    "instructions": lambda home, _: instructions.table(home),
    "kernels": lambda _home, _arguments: kernels.table(),
}


if __name__ == "__main__":
    sys.exit(main())
