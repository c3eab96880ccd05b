"""A run's figures held against the thresholds."""

from __future__ import annotations

import tomllib
from pathlib import Path

from locust.stats import RequestStats, StatsEntry

THRESHOLDS = Path(__file__).parent / "thresholds.toml"
KNOWN = {"failed_share", "refused_share", "p50_ms", "p95_ms", "p99_ms", "rps"}
REFUSED = ", refused"
"""Ends the name under which refusals are counted: being quick, they would flatter the latencies."""


def thresholds(path: Path) -> dict[str, float]:
    """Read a file like thresholds.toml.

    Raises:
        ValueError: it is no TOML, or names something that is not measured.
    """
    found = tomllib.loads(path.read_text())
    if unknown := found.keys() - KNOWN:
        raise ValueError(f"{path} has unknown thresholds: {', '.join(sorted(unknown))}")
    return {name: float(value) for name, value in found.items()}


def figures(stats: RequestStats) -> dict[str, float]:
    """Shares, milliseconds and answers a second of a run; without any answer the times are infinite."""
    answered = StatsEntry(stats, "answered", "")
    refused = 0
    for (name, _), entry in stats.entries.items():
        if name.endswith(REFUSED):
            refused += entry.num_requests
        else:
            answered.extend(entry)
    total = max(answered.num_requests + refused, 1)
    seconds = max((stats.last_request_timestamp or 0) - stats.start_time, 1)
    found = {
        "failed_share": stats.num_failures / total,
        "refused_share": refused / total,
        "rps": (answered.num_requests - answered.num_failures) / seconds,
    }
    for percent in (50, 95, 99):
        took = answered.get_response_time_percentile(percent / 100)
        found[f"p{percent}_ms"] = float(took) if answered.num_requests else float("inf")
    return found


def verdict(stats: RequestStats, limits: dict[str, float]) -> tuple[bool, list[str]]:
    """Whether all thresholds are kept, and a line for each."""
    measured = figures(stats)
    kept_all, lines = True, []
    for name, limit in limits.items():
        least = name == "rps"
        kept = measured[name] >= limit if least else measured[name] <= limit
        kept_all = kept_all and kept
        sign = "at least" if least else "at most"
        lines.append(f"{'kept' if kept else 'MISSED':7}{name:14}{measured[name]:10.4g}  ({sign} {limit:g})")
    return kept_all, lines
