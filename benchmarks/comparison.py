"""Single requests to many servers, in interleaved rounds."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import Figures, ask
from benchmarks.running import Running, all_started
from benchmarks.servers import Server

WARM_UP_SECONDS = 2

Rounds = dict[str, list[Figures]]
"""The figures of each round, by server."""


def measure_all(servers: Sequence[Server], home: Path, rounds: int, seconds: int) -> Rounds:
    """In a round each server is measured once, while the others are stopped."""
    measured: Rounds = defaultdict(list)
    with all_started(servers, home) as started:
        for number in range(rounds):
            for running in started:
                with running.alone():
                    if number == 0:
                        ask(running, home, 32, WARM_UP_SECONDS)
                    figures = measure(running, home, seconds)
                measured[running.server.name].append(figures)
                print(f"round {number + 1} {running.server.name}: {figures['rps']:,.0f} rps", file=sys.stderr)
    return measured


def measure(running: Running, home: Path, seconds: int) -> Figures:
    """Load at 32 connections and at 1, CPU and memory of the whole process tree."""
    cpu = running.cpu_seconds()
    busy = ask(running, home, 32, seconds)
    cpu = running.cpu_seconds() - cpu
    alone = ask(running, home, 1, max(1, seconds // 2))
    return {
        "rps": busy["requests"] / busy["seconds"],
        "p50_32": busy["p50_ms"],
        "p99_32": busy["p99_ms"],
        "p50_1": alone["p50_ms"],
        "p99_1": alone["p99_ms"],
        "cpu_per_1000": cpu / busy["requests"] * 1000,
        "failed": busy["failed"] + alone["failed"],
        "megabytes": running.megabytes(),
        "start_seconds": running.start_seconds,
    }


def medians_of(rounds: Rounds) -> dict[str, Figures]:
    """The median of each figure over the rounds, by server."""
    return {
        name: {key: statistics.median(figures[key] for figures in runs) for key in runs[0]}
        for name, runs in rounds.items()
    }
