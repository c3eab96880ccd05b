"""How cost depends on the number of connections, rows per request, support vectors and workers."""

from __future__ import annotations

import os
import pickle
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.kernels import model
from benchmarks.load import Figures, load, write_bulk
from benchmarks.running import Running, run
from benchmarks.servers import OURS, PEERS, PROJECT, Server
from loadtest.tables import markdown_table
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.training.svc import to_onnx

CONNECTIONS = (1, 4, 16, 32, 64, 256)
ROWS = (1, 16, 256, 1_024, 4_096)
VECTORS = (50, 500, 1_500, 6_000)
WORKERS = (1, 2)
ALL_CORES = "0,1"

Load = Callable[[], Figures]


def measure(home: Path, rounds: int, seconds: int) -> str:
    """Four tables."""
    (server,) = (peer for peer in PEERS if peer.name == OURS)
    with run(server, home) as running:
        parts = [by_connections(running, home, rounds, seconds), by_rows(running, home, rounds, seconds)]
    parts += [by_vectors(server, home, seconds), by_workers(server, home, seconds)]
    return "\n\n".join(parts)


def interleaved(running: Running, loads: dict[str, Load], rounds: int) -> list[tuple[str, Figures, float]]:
    """The medians of each load and its CPU seconds a request."""
    measured: dict[str, list[Figures]] = defaultdict(list)
    for _ in range(rounds):
        for name, ask in loads.items():
            cpu = running.cpu_seconds()
            figures = ask()
            figures["cpu"] = (running.cpu_seconds() - cpu) / figures["requests"]
            figures["rps"] = (figures["requests"] - figures["failed"]) / figures["seconds"]
            measured[name].append(figures)
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in measured.items()
    }
    return [(name, figures, figures["cpu"]) for name, figures in medians.items()]


def by_connections(running: Running, home: Path, rounds: int, seconds: int) -> str:
    """Single requests; those beyond the service's limit of 64 in flight are answered with 429."""

    def ask(connections: int) -> Load:
        return lambda: load(f"{running.url}/predict", home / "flat", connections, seconds)

    loads = {str(connections): ask(connections) for connections in CONNECTIONS}
    lines = [
        [
            name,
            f"{figures['rps']:,.0f}",
            f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f}",
            f"{cpu * 1e6:.0f}",
            f"{figures['failed'] / figures['requests']:.0%}",
        ]
        for name, figures, cpu in interleaved(running, loads, rounds)
    ]
    header = ["connections", "forecasts/s", "p50 / p99 (ms)", "CPU a request (µs)", "answered with 429"]
    return markdown_table(header, lines)


def by_rows(running: Running, home: Path, rounds: int, seconds: int) -> str:
    """Bulk requests, one connection."""

    def ask(bodies: Path) -> Load:
        return lambda: load(f"{running.url}/predict_batch", bodies, 1, seconds)

    loads = {}
    for rows in ROWS:
        for form, bodies in zip(("JSON", "CSV"), write_bulk(home, rows), strict=True):
            loads[f"{rows:,} as {form}"] = ask(bodies)
    lines = []
    for (name, figures, cpu), rows in zip(
        interleaved(running, loads, rounds), (n for n in ROWS for _ in range(2)), strict=True
    ):
        latency = f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f}"
        lines.append([name, f"{figures['rps'] * rows:,.0f}", latency, f"{cpu / rows * 1e6:.2f}"])
    header = ["rows of a request, one connection", "rows/s", "p50 / p99 (ms)", "CPU a row (µs)"]
    return markdown_table(header, lines)


def by_vectors(server: Server, home: Path, seconds: int) -> str:
    """Single requests to imported SVCs, one start of the service each."""
    lines = []
    for vectors in VECTORS:
        trained = model(vectors)
        scaler, classifier = home / SCALER_FILE, home / MODEL_FILE
        scaler.write_bytes(pickle.dumps(trained.scaler))
        classifier.write_bytes(to_onnx(trained))
        store = {"BENTOML_HOME": str(home / f"vectors{vectors}")}
        command = [sys.executable, "train_import.py", "import"]
        subprocess.run(
            [*command, "--scaler", str(scaler), "--model", str(classifier)],
            cwd=PROJECT,
            env={**os.environ, **store, "BENTOML_DO_NOT_TRACK": "True"},
            check=True,
        )
        with run(replace(server, environment=store), home) as running:
            load(f"{running.url}/predict", home / "flat", 32, 1)
            cpu = running.cpu_seconds()
            figures = load(f"{running.url}/predict", home / "flat", 32, seconds)
            cpu = (running.cpu_seconds() - cpu) / figures["requests"]
        count = f"{len(trained.classifier.support_):,}"
        rate = f"{figures['requests'] / figures['seconds']:,.0f}"
        latency = f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f}"
        lines.append([count, rate, latency, f"{cpu * 1e6:.0f}"])
    header = ["support vectors, 32 connections", "forecasts/s", "p50 / p99 (ms)", "CPU a request (µs)"]
    return markdown_table(header, lines)


def by_workers(server: Server, home: Path, seconds: int) -> str:
    """Single requests to one worker and to two, on two cores that they share with the load."""
    lines = []
    for workers in WORKERS:
        environment = {"BENTOML_CONFIG_OPTIONS": f"services.rain_forecast.workers={workers}"}
        with run(replace(server, environment=environment), home, ALL_CORES) as running:
            load(f"{running.url}/predict", home / "flat", 64, 1, ALL_CORES)
            figures = load(f"{running.url}/predict", home / "flat", 64, seconds, ALL_CORES)
            megabytes = running.megabytes()
        rate = f"{figures['requests'] / figures['seconds']:,.0f}"
        latency = f"{figures['p50_ms']:.2f} / {figures['p99_ms']:.2f}"
        lines.append([str(workers), rate, latency, f"{figures['failed']:.0f}", f"{megabytes:.0f}"])
    header = [
        "workers, 64 connections, two cores with the load",
        "forecasts/s",
        "p50 / p99 (ms)",
        "failed",
        "MB",
    ]
    return markdown_table(header, lines)
