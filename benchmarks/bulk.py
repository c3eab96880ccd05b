"""Bulk requests: rows per second compared with single requests, and their effect on single requests."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import report
from benchmarks.load import BULK_ROWS, Figures, load
from benchmarks.running import Running, run
from benchmarks.servers import OURS, PEERS
from loadtest.tables import markdown_table

SINGLE = "single requests, 32 connections"
ALONE, BESIDE_JSON, BESIDE_CSV = "alone", "beside a client that sends JSON", "beside a client that sends CSV"


def measure(home: Path, rounds: int, seconds: int) -> str:
    """Two tables."""
    (server,) = (peer for peer in PEERS if peer.name == OURS)
    rates: dict[str, list[Figures]] = defaultdict(list)
    latencies: dict[str, list[Figures]] = defaultdict(list)
    with run(server, home) as running:
        single = f"{running.url}/predict"
        load(single, home / "flat", 32, 2)
        for _ in range(rounds):
            rates[SINGLE].append(load(single, home / "flat", 32, seconds))
            for form in ("json", "csv"):
                bodies = home / f"bulk-{BULK_ROWS}.{form}"
                figures = load(f"{running.url}/predict_batch", bodies, 2, seconds)
                figures["requests"] *= BULK_ROWS
                rates[f"bulk of {BULK_ROWS:,} as {form.upper()}"].append(figures)
            latencies[ALONE].append(load(single, home / "flat", 1, seconds))
            latencies[BESIDE_JSON].append(beside(running, home, "json", seconds))
            latencies[BESIDE_CSV].append(beside(running, home, "csv", seconds))
    return f"{rate_table(rates)}\n\n{latency_table(latencies)}"


def beside(running: Running, home: Path, form: str, seconds: int) -> Figures:
    """Single requests at one connection, while another client keeps sending bulk requests."""
    bodies = home / f"bulk-{BULK_ROWS}.{form}"
    with ThreadPoolExecutor(1) as pool:
        bulk = pool.submit(load, f"{running.url}/predict_batch", bodies, 1, seconds + 1)
        time.sleep(0.5)
        figures = load(f"{running.url}/predict", home / "flat", 1, seconds)
        bulk.result()
    return figures


def rate_table(rates: dict[str, list[Figures]]) -> str:
    """Rows per second, and their ratio to the rows per second of single requests in the same round."""
    lines = []
    per_second = {name: [run["requests"] / run["seconds"] for run in runs] for name, runs in rates.items()}
    for name, values in per_second.items():
        ratios = [value / base for value, base in zip(values, per_second[SINGLE], strict=True)]
        failed = sum(run["failed"] for run in rates[name])
        median = f"{statistics.median(values):,.0f}"
        lines.append(
            [name, median, "1" if name == SINGLE else report.with_interval(ratios, 1), f"{failed:.0f}"]
        )
    return markdown_table(["one server, one core", "rows/s", "× single", "failed"], lines)


def latency_table(latencies: dict[str, list[Figures]]) -> str:
    """Medians, and the ratio of the 99th percentiles of the same round."""
    lines = []
    for name, runs in latencies.items():
        p50, p99 = (statistics.median(run[key] for run in runs) for key in ("p50_ms", "p99_ms"))
        ratios = [run["p99_ms"] / base["p99_ms"] for run, base in zip(runs, latencies[ALONE], strict=True)]
        ratio = "1" if name == ALONE else report.with_interval(ratios, 1)
        lines.append([name, f"{p50:.2f}", f"{p99:.2f}", ratio])
    return markdown_table(["a single request, one connection", "p50 (ms)", "p99 (ms)", "p99 × alone"], lines)
