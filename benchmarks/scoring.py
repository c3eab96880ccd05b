"""Rows a second of ``train_import.py score``: ``python -m benchmarks.scoring``, five minutes.

The rows are the default data over and over. Each measurement is a command of its own, so that its start, its
processor time and its largest process are counted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from distributed import LocalCluster
from pyarrow import parquet

from loadtest.serving import PROJECT
from loadtest.stations import OBSERVATIONS, SAMPLE
from loadtest.tables import markdown_table, publish
from weather.contract.variables import FEATURES

DOCUMENT = PROJECT / "docs" / "scale.md"

MILLIONS = 8

CORES = 20 * 8
"""Of twenty machines."""

LINK = 1.25e9
"""Bytes a second of a file server behind 10 Gbit/s."""

MEASURED = """
import json, resource, subprocess, sys, time
start = time.monotonic()
subprocess.run(sys.argv[1:], check=True, capture_output=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


@dataclass(frozen=True)
class Cost:
    """The cost of one command: seconds, processor seconds, and the memory of its largest process in MB."""

    seconds: float
    core_seconds: float
    peak_mb: float


def csv_file(path: Path, rows: int) -> Path:
    """The sample, repeated."""
    header, _, lines = SAMPLE.read_bytes().partition(b"\n")
    with path.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(rows // len(OBSERVATIONS)):
            file.write(lines)
    return path


def parquet_file(path: Path, rows: int) -> Path:
    """The sample, repeated, with noise in the fractions, so that there is something to decode."""
    group = 1_000_000
    sample = np.array([[row[name] for name in FEATURES] for row in OBSERVATIONS])
    x = np.tile(sample, (min(rows, group) // len(sample), 1))
    noise = np.random.default_rng(0).uniform(-1e-9, 1e-9, x.shape) * (x > 0) * (x < 1)
    table = pa.table(dict(zip(FEATURES, (x + noise).T, strict=True)))
    with parquet.ParquetWriter(path, table.schema) as writer:
        for _ in range(max(1, rows // group)):
            writer.write_table(table)
    return path


def cost(source: Path, *options: str) -> Cost:
    """Score a file."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        command = [sys.executable, str(PROJECT / "train_import.py"), "score", "--in", str(source)]
        command += ["--out", f"{folder}/out", *options]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=True
        )
    return Cost(*json.loads(done.stdout))


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, str]]:
    """Options for workers of a Dask cluster on this machine."""
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as local:
        yield "--cluster", local.scheduler_address


def read_rate(path: Path) -> float:
    """Bytes a second of reading a file that the system has in memory."""
    start = time.perf_counter()
    with path.open("rb") as file:
        while file.read(4 << 20):
            pass
    return path.stat().st_size / (time.perf_counter() - start)


def report(rows: int, folder: Path) -> str:
    """Markdown: a table, and what follows for twenty machines."""
    lines, of_one_core = [], {}
    for form, make in (("csv", csv_file), ("parquet", parquet_file)):
        small, large = make(folder / f"small.{form}", 1000), make(folder / f"large.{form}", rows)
        size = large.stat().st_size / rows
        start = cost(small, "--workers", "1")
        for workers in (1, 2):
            found = cost(large, "--workers", str(workers))
            core = (found.core_seconds - start.core_seconds) / rows
            rate = rows / (found.seconds - start.seconds)
            lines.append(line(form, f"{workers} processes" if workers > 1 else "1 process", found, rate))
            if workers == 1:
                of_one_core[form] = (1 / core, size / core)
        for workers in (1, 2):
            with cluster(workers) as options:
                start_there, found = cost(small, *options), cost(large, *options)
            rate = rows / (found.seconds - start_there.seconds)
            lines.append(line(form, f"Dask, {workers} worker{'s' * (workers > 1)}", found, rate, remote=True))
    header = [f"{rows:,} rows", "computed by", "seconds", "rows/s", "core seconds", "largest process (MB)"]
    text = markdown_table(header, lines)
    for form, (rate, demand) in of_one_core.items():
        fed = LINK / demand
        text += (
            f"\n\n**{form}, on paper**: a core takes {rate / 1e6:.2f} million rows a second, so it reads "
            f"{demand / 1e6:.0f} MB/s. Twenty machines of eight cores would take {CORES * rate / 1e6:.0f} "
            f"million rows a second and read {CORES * demand / 1e9:.1f} GB/s; a file server behind 10 Gbit/s "
            f"feeds {fed:.0f} cores. " + bound(fed)
        )
    reading = read_rate(folder / "large.csv")
    return text + f"\n\nReading alone, from memory, is {reading / 1e6:,.0f} MB/s on this machine."


def bound(fed: float) -> str:
    """What limits twenty machines."""
    if fed < CORES:
        return "Beyond that reading is the limit, not computing: give the files to several servers."
    return "So twenty machines are limited by their cores."


def line(form: str, by: str, found: Cost, rate: float, remote: bool = False) -> list[str]:
    """A line of the table; the processes of a cluster are not those of the command."""
    own = ["–", "–"] if remote else [f"{found.core_seconds:.1f}", f"{found.peak_mb:.0f}"]
    return [form, by, f"{found.seconds:.1f}", f"{rate:,.0f}", *own]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--millions", type=int, default=MILLIONS, help=f"of rows (default: {MILLIONS})")
    options.add_argument("--publish", action="store_true", help="into docs/scale.md")
    arguments = options.parse_args()
    at = Path(tempfile.mkdtemp(prefix="scoring-"))
    try:
        measured = report(arguments.millions * 1_000_000, at)
    finally:
        shutil.rmtree(at)
    if arguments.publish:
        publish(DOCUMENT, "python -m benchmarks.scoring --publish", measured)
    else:
        print(measured)
