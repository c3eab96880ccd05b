"""Compares the statistics of a run with the thresholds."""

from __future__ import annotations

import tomllib
from pathlib import Path

from locust.stats import RequestStats, StatsEntry

THRESHOLDS = Path(__file__).parent / "thresholds.toml"
KNOWN = {"failed_share", "rejected_share", "p50_ms", "p95_ms", "p99_ms", "rps"}
REJECTED = ", rejected"
"""Suffix of the name under which 429s are counted. They are fast, so they would lower the latencies."""


def read_thresholds(path: Path) -> dict[str, float]:
    """Read a file like thresholds.toml.

    Raises:
        ValueError: the file is not TOML, or has an unknown threshold.
    """
    limits = tomllib.loads(path.read_text())
    if unknown := limits.keys() - KNOWN:
        raise ValueError(f"{path} has unknown thresholds: {', '.join(sorted(unknown))}")
    return {name: float(value) for name, value in limits.items()}


def measured(stats: RequestStats) -> dict[str, float]:
    """Shares, milliseconds and responses per second of a run; without any response the times are infinite."""
    answered = StatsEntry(stats, "answered", "")
    rejected = 0
    for (name, _), entry in stats.entries.items():
        if name.endswith(REJECTED):
            rejected += entry.num_requests
        else:
            answered.extend(entry)
    total = max(answered.num_requests + rejected, 1)
    seconds = max((stats.last_request_timestamp or 0) - stats.start_time, 1)
    figures = {
        "failed_share": stats.num_failures / total,
        "rejected_share": rejected / total,
        "rps": (answered.num_requests - answered.num_failures) / seconds,
    }
    for percent in (50, 95, 99):
        latency = answered.get_response_time_percentile(percent / 100)
        figures[f"p{percent}_ms"] = float(latency) if answered.num_requests else float("inf")
    return figures


def verdict(stats: RequestStats, limits: dict[str, float]) -> tuple[bool, list[str]]:
    """Whether all thresholds were met, and a line of text for each."""
    figures = measured(stats)
    all_met, lines = True, []
    for name, limit in limits.items():
        is_minimum = name == "rps"
        met = figures[name] >= limit if is_minimum else figures[name] <= limit
        all_met = all_met and met
        bound = "at least" if is_minimum else "at most"
        lines.append(f"{'met' if met else 'MISSED':7}{name:15}{figures[name]:10.4g}  ({bound} {limit:g})")
    return all_met, lines
