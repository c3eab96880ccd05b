"""The report of ``make bench``: tables and the picture, from the figures of each server."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.servers import OURS, TUNED
from loadtest.tables import markdown_table

mpl.use("Agg")
from matplotlib import pyplot as plt

Figures = Mapping[str, Mapping[str, float]]
"""For each server the figures that ``benchmarks.comparison.measure`` returns."""

Rounds = Mapping[str, Sequence[Mapping[str, float]]]
"""The same for each round."""

CONFIDENCE = 0.95

HEADER = (
    "server, one core",
    "rps at 32",
    "× {base}",
    "p50 / p99 at 32 (ms)",
    "p50 / p99 at 1 (ms)",
    "CPU s / 1,000",
    "failed",
    "MB",
    "ready after (s)",
)

SHORT_ROWS = (
    "bare uvicorn, constant answer",
    f"**{OURS}**",
    TUNED,
    "BentoML as a beginner writes it",
    "LitServe, batching",
    "MLServer (V2 protocol)",
)
"""The servers in README.md's table, if they were measured."""


def short_header() -> list[str]:
    """The columns of README.md's table."""
    return [title.format(base=TUNED) for title in HEADER[:4]] + ["MB"]


def conditions(rounds: int, seconds: int) -> str:
    """A sentence about the machine and the measurement."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return (
        f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; server on one core, `wrk -t1` on another; "
        f"medians of {rounds} interleaved rounds of {seconds} s; in brackets the "
        f"{CONFIDENCE:.0%} confidence interval of the ratio, from six rounds on."
    )


def ratio(rounds: Rounds, name: str) -> str:
    """Throughput relative to that of the same round of the base: median and confidence interval."""
    base = rounds[base_of(rounds)]
    ratios = [ours["rps"] / theirs["rps"] for ours, theirs in zip(rounds[name], base, strict=True)]
    return with_interval(ratios) if rounds[name] is not base else "1.00"


def with_interval(ratios: Sequence[float], digits: int = 2) -> str:
    """The median, and its confidence interval in brackets if there are values enough for one."""
    median = f"{statistics.median(ratios):.{digits}f}"
    bounds = interval(ratios)
    return f"{median} ({bounds[0]:.{digits}f}-{bounds[1]:.{digits}f})" if bounds else median


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The narrowest interval of two values that has the median with ``CONFIDENCE``; None if there is none.

    That of the sign test: each value is below the median with probability 1/2, so the number of values
    below it is binomial, whatever the distribution. Six values are the fewest that suffice.
    """
    ordered, n = sorted(values), len(values)
    outside, narrowest = 0.0, None
    for rank in range(n // 2):
        outside += 2 * math.comb(n, rank) / 2**n
        if outside > 1 - CONFIDENCE:
            break
        narrowest = (ordered[rank], ordered[n - 1 - rank])
    return narrowest


def base_of(rounds: Rounds) -> str:
    """What ratios are relative to: hand-tuned FastAPI, or the first server where that is not measured."""
    return TUNED if TUNED in rounds else next(iter(rounds))


def table(medians: Figures, rounds: Rounds) -> str:
    """A row per server, with its throughput relative to that of the base."""
    rows = [
        [
            f"**{name}**" if name == OURS else name,
            f"{m['rps']:,.0f}",
            ratio(rounds, name),
            f"{m['p50_32']:.2f} / {m['p99_32']:.2f}",
            f"{m['p50_1']:.2f} / {m['p99_1']:.2f}",
            f"{m['cpu_per_1000']:.3f}",
            f"{m['failed']:.0f}",
            f"{m['megabytes']:.0f}",
            f"{m['start_seconds']:.1f}",
        ]
        for name, m in medians.items()
    ]
    header = [title.format(base=base_of(rounds)) for title in HEADER]
    return markdown_table(header, rows)


def draw(medians: Figures, path: Path) -> None:
    """Bars of the requests per second at 32 connections."""
    # The bare server would dwarf the rest; it is in the table.
    shown = {name: m["rps"] for name, m in medians.items() if not name.startswith("bare")}
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(shown) + 1))
    colours = ["tab:blue" if n == OURS else "tab:cyan" if n.startswith("…") else "0.6" for n in shown]
    axes.barh(list(shown), list(shown.values()), color=colours)
    axes.invert_yaxis()
    axes.set(xlabel="requests per second at 32 connections, one core", title="make bench")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
