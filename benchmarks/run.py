"""``make bench``: every server in turn on one core, loaded by wrk from another, rounds interleaved.

Ratios are what to read: each figure is the median of its rounds on one machine, in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil

from benchmarks import kernels
from benchmarks.peers.model import ARTIFACTS
from benchmarks.servers import ABLATIONS, MLSERVER, OURS, PEERS, PROJECT, TUNED, Server, environment_of
from loadtest.serving import free_port, stop
from loadtest.stations import observation
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.importing.artifacts import read
from weather.importing.compiler import compile_pair

SERVER_CORE, CLIENT_CORE = "0", "1"
START, END = "<!-- make bench -->", "<!-- end of make bench -->"
BULK_ROWS = 1_000
RESULTS = PROJECT / "benchmarks" / "results"
Figures = dict[str, dict[str, float]]


def main() -> int:
    """Print and write the tables and the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of load at 32 connections, each time")
    parser.add_argument("--only", default="", help="servers whose name holds this")
    parser.add_argument("--publish", action="store_true", help="put the figures into README and docs/")
    given = parser.parse_args()
    if not shutil.which("wrk") or not shutil.which("taskset"):
        print("make bench needs wrk and taskset: install the system's packages wrk and util-linux")
        return 1
    if (os.cpu_count() or 1) < 2:
        print("make bench needs two cores, one for the server and one for the load")
        return 1
    servers = [s for s in [*PEERS, *ABLATIONS] if given.only in s.name]
    if not MLSERVER.exists():
        servers = [s for s in servers if s.bodies != "v2"]
    RESULTS.mkdir(exist_ok=True)
    rounds: dict[str, list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        prepare(home)
        for number in range(given.rounds):
            for server in servers:
                figures = measure(server, home, given.seconds)
                rounds[server.name].append(figures)
                print(f"round {number + 1} {server.name}: {figures['rps']:,.0f} rps", file=sys.stderr)
        medians = {
            name: {key: statistics.median(r[key] for r in runs) for key in runs[0]}
            for name, runs in rounds.items()
        }
        parts = [machine(given.rounds, given.seconds), table(medians)]
        parts += [bulk(s, home, given.seconds) for s in servers if s.name == OURS]
    report = "\n\n".join([*parts, *kernels.tables()])
    (RESULTS / "bench.json").write_text(json.dumps({"medians": medians, "rounds": rounds}, indent=1))
    (RESULTS / "bench.md").write_text(report + "\n")
    picture(medians, RESULTS / "bench.svg")
    if given.publish:
        shutil.copy(RESULTS / "bench.svg", PROJECT / "docs" / "bench.svg")
        insert(PROJECT / "docs" / "performance.md", report)
        peers = {server.name: medians[server.name] for server in PEERS if server.name in medians}
        insert(PROJECT / "README.md", f"{table(peers)}\n\n{parts[0]}")
    print(report)
    return 0


def insert(path: Path, text: str) -> None:
    """Put ``text`` between the two marks in a Markdown file."""
    before, _, rest = path.read_text().partition(START)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{START}\n{text}\n{END}{after}")


def prepare(home: Path) -> None:
    """Models imported, request bodies and the compiled graph written, all in ``home``."""
    environment = {**os.environ, "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run([sys.executable, "train_import.py", "import"], cwd=PROJECT, env=environment, check=True)
    compiled = compile_pair(read(ARTIFACTS / SCALER_FILE, ARTIFACTS / MODEL_FILE))
    (home / "compiled.onnx").write_bytes(compiled.model)
    records = [observation() for _ in range(1000)]
    (home / "flat").write_text("\n".join(map(json.dumps, records)))
    inputs = (
        {"name": "rows", "shape": [1, 7], "datatype": "FP32", "data": list(record.values())}
        for record in records
    )
    (home / "v2").write_text("\n".join(json.dumps({"inputs": [one]}) for one in inputs))
    many = [[observation() for _ in range(BULK_ROWS)] for _ in range(10)]
    (home / "bulk.json").write_text("\n".join(json.dumps({"observations": rows}) for rows in many))
    tables = ([",".join(rows[0]), *(",".join(map(str, r.values())) for r in rows)] for rows in many)
    (home / "bulk.csv").write_text("\n".join("\\n".join(lines) for lines in tables))


def measure(server: Server, home: Path, seconds: int) -> dict[str, float]:
    """Start to ready, load at 32 connections and at 1, CPU and memory of the whole process tree."""
    with running(server, home) as (url, process, start_seconds):
        bodies = home / server.bodies
        load(url + server.path, bodies, 32, 2)
        cpu = cpu_seconds(process)
        busy = load(url + server.path, bodies, 32, seconds)
        cpu = cpu_seconds(process) - cpu
        alone = load(url + server.path, bodies, 1, max(2, seconds // 2))
        tree = [process, *process.children(recursive=True)]
        memory = sum(p.memory_info().rss for p in tree)
    return {
        "rps": busy["requests"] / busy["seconds"],
        "p50_32": busy["p50_ms"],
        "p99_32": busy["p99_ms"],
        "p50_1": alone["p50_ms"],
        "p99_1": alone["p99_ms"],
        "cpu_per_1000": cpu / busy["requests"] * 1000,
        "failed": busy["failed"] + alone["failed"],
        "megabytes": memory / 1e6,
        "start_seconds": start_seconds,
    }


@contextmanager
def running(server: Server, home: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """The server pinned to its core, on a free port, until it is stopped with all its children."""
    port = free_port()
    environment = environment_of(server, home, port)
    argument = str(home / "mlserver") if server.bodies == "v2" else str(port)
    started = time.monotonic()
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *server.command, argument],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                with urlopen(url + server.ready, timeout=1):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() - started > 90:
                    raise SystemExit(f"{server.name} did not start") from None
                time.sleep(0.05)
        yield url, psutil.Process(process.pid), time.monotonic() - started
    finally:
        stop(process)


def load(url: str, bodies: Path, connections: int, seconds: int) -> dict[str, float]:
    """One run of wrk."""
    command = ["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    media_type = "text/csv" if bodies.suffix == ".csv" else "application/json"
    done = subprocess.run(
        [*command, "-s", "benchmarks/load.lua", url],
        cwd=PROJECT,
        env={**os.environ, "BODIES": str(bodies), "CONTENT_TYPE": media_type},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def bulk(server: Server, home: Path, seconds: int) -> str:
    """Rows a second in bulk and singly, and what a bulk client costs a single one; one server."""
    with running(server, home) as (url, _, _):
        single, batch = url + "/predict", url + "/predict_batch"
        load(single, home / "flat", 32, 2)
        singly = load(single, home / "flat", 32, seconds)
        base = singly["requests"] / singly["seconds"]
        lines = [
            "| one server, one core | rows/s | × single | failed |",
            "|---|---|---|---|",
            f"| single requests, 32 connections | {base:,.0f} | 1 | {singly['failed']:.0f} |",
        ]
        for form in ("json", "csv"):
            found = load(batch, home / f"bulk.{form}", 2, seconds)
            rate = found["requests"] * BULK_ROWS / found["seconds"]
            cells = [f"{rate:,.0f}", f"{rate / base:.1f}", f"{found['failed']:.0f}"]
            lines.append(f"| bulk of {BULK_ROWS:,} as {form.upper()} | " + " | ".join(cells) + " |")
        alone = load(single, home / "flat", 1, seconds)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(load, batch, home / "bulk.json", 1, seconds + 1)
            time.sleep(0.5)
            beside = load(single, home / "flat", 1, seconds)
    lines += [
        "",
        "| a single request, one connection | p50 (ms) | p99 (ms) |",
        "|---|---|---|",
        f"| alone | {alone['p50_ms']:.2f} | {alone['p99_ms']:.2f} |",
        f"| beside a client that keeps sending bulk | {beside['p50_ms']:.2f} | {beside['p99_ms']:.2f} |",
    ]
    return "\n".join(lines)


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the process and its living children."""
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def machine(rounds: int, seconds: int) -> str:
    """Where and how this was measured."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}; server on one core, "
        f"`wrk -t1` on another; medians of {rounds} interleaved rounds of {seconds} s."
    )


def table(medians: Figures) -> str:
    """A Markdown table, with each server's rate against hand-tuned FastAPI's."""
    base = medians.get(TUNED, next(iter(medians.values())))["rps"]
    lines = [
        "| server, one core | rps at 32 | × tuned FastAPI | p50 / p99 at 32 (ms) | p50 / p99 at 1 (ms) "
        "| CPU s / 1,000 | failed | MB | ready after (s) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, m in medians.items():
        shown = f"**{name}**" if name == OURS else name
        lines.append(
            f"| {shown} | {m['rps']:,.0f} | {m['rps'] / base:.2f} | {m['p50_32']:.2f} / {m['p99_32']:.2f} "
            f"| {m['p50_1']:.2f} / {m['p99_1']:.2f} | {m['cpu_per_1000']:.3f} | {m['failed']:.0f} "
            f"| {m['megabytes']:.0f} | {m['start_seconds']:.1f} |"
        )
    return "\n".join(lines)


def picture(medians: Figures, path: Path) -> None:
    """Bars: requests per second at 32 connections."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    # The bare server would dwarf the rest; it is in the table.
    shown = {n: m["rps"] for n, m in medians.items() if not n.startswith("bare")}
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(shown) + 1))
    colours = ["tab:blue" if n == OURS else "tab:cyan" if n.startswith("…") else "0.6" for n in shown]
    axes.barh(list(shown), list(shown.values()), color=colours)
    axes.invert_yaxis()
    axes.set(xlabel="requests per second at 32 connections, one core", title="make bench")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
