"""``make capacity``: the load that one replica serves at each latency, and the gain from a second worker.

``options.CAPACITY`` describes the measurement.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import uvloop

from loadtest import options
from loadtest.harness import exit_code, on_first_core, progress, write_report
from loadtest.openloop import Load, Outcome
from loadtest.requests import Request, committed_requests
from loadtest.serving import PROJECT, Service, family_of, running, store
from loadtest.tables import markdown_table, publish

mpl.use("Agg")
from matplotlib import pyplot as plt

RATES = (250, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000)
LATENCY_LIMITS_MS = (10, 25, 50, 100)
TARGET_RATE = 10_000
"""Rates, in requests per second, for which the table lists the number of replicas."""


def cpu_seconds(service: Service) -> float:
    """CPU seconds of supervisor and workers so far."""
    return float(sum(sum(process.cpu_times()[:2]) for process in family_of(service.process)))


def memory_mb(service: Service) -> float:
    """Resident MB of supervisor and workers."""
    return float(sum(process.memory_info().rss for process in family_of(service.process)) / 1e6)


@contextmanager
def replica(home: Path, workers: int) -> Iterator[tuple[Service, float]]:
    """A service, and the seconds until it was ready."""
    start = time.monotonic()
    options = {"BENTOML_CONFIG_OPTIONS": f"services.rain_forecast.workers={workers}"}
    with running(home, env=options) as service:
        yield service, time.monotonic() - start


def offer(service: Service, requests: list[Request], rate: float, seconds: float) -> tuple[Outcome, float]:
    """One step of load; its outcome, and the CPU seconds per 1,000 forecasts."""
    before = cpu_seconds(service)
    outcome = uvloop.run(Load(lambda: [service.url], requests, rate, seconds).run())
    return outcome, (cpu_seconds(service) - before) / outcome.count(200) * 1000


def one_replica(home: Path, requests: list[Request], seconds: float) -> tuple[str, dict[int, Outcome]]:
    """Two tables, of latency by rate and of the highest rate by latency limit; the steps by rate."""
    rows: list[list[str]] = []
    max_rates: dict[int, int] = {}
    steps: dict[int, Outcome] = {}
    progress(f"one replica, {len(RATES)} rates of {seconds:g} s")
    with on_first_core(replica(home, 1)) as (service, ready_seconds):
        offer(service, requests, 500, 3)
        for rate in RATES:
            step, cpu = offer(service, requests, rate, seconds)
            steps[rate] = step
            p50, p99, rejected = step.percentile(50), step.percentile(99), step.count(429) / step.offered
            progress(f"  {rate:,} requests/s: p99 {p99:.1f} ms, rejected {rejected:.1%}")
            rows.append([f"{rate:,}", f"{p50:.1f}", f"{p99:.1f}", f"{rejected:.1%}", f"{cpu:.2f}"])
            if rejected > 0.05:
                break
            max_rates |= {limit: rate for limit in LATENCY_LIMITS_MS if p99 <= limit and rejected < 0.001}
        memory = memory_mb(service)
    by_rate = markdown_table(["requests/s", "p50 (ms)", "p99 (ms)", "rejected", "CPU s / 1,000"], rows)
    by_limit = markdown_table(
        ["p99 within", "one replica takes", f"replicas for {TARGET_RATE:,}/s"],
        (
            [f"{limit} ms", f"{rate:,}/s", str(math.ceil(TARGET_RATE / rate))]
            for limit, rate in sorted(max_rates.items())
        ),
    )
    ready = f"Ready after {ready_seconds:.1f} s; {memory:,.0f} MB, supervisor included."
    return f"{by_rate}\n\n{ready}\n\n{by_limit}", steps


def draw(steps: dict[int, Outcome], file: Path) -> None:
    """Latencies and the share of rejected requests by offered rate."""
    mpl.rcParams["svg.hashsalt"] = "rain"
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for percent, style in ((50, "o-"), (95, "s-"), (99, "^-")):
        axis.plot(
            list(steps), [step.percentile(percent) for step in steps.values()], style, label=f"p{percent}"
        )
    axis.set(xlabel="offered requests per second, open loop", ylabel="latency (ms)", yscale="log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.grid(alpha=0.3, which="both")
    shares = axis.twinx()
    rejected = [100 * step.count(429) / step.offered for step in steps.values()]
    shares.bar(list(steps), rejected, width=120, alpha=0.25, color="tab:red")
    shares.set(ylabel="rejected (%)", ylim=(0, 100))
    axis.legend(loc="upper left")
    axis.set_title("One replica on one core", fontsize=10)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def several_workers(home: Path, requests: list[Request], seconds: float) -> str:
    """A table of the goodput beyond saturation with one and two workers on all cores."""
    rows = []
    for workers in (1, 2):
        progress(f"{workers} worker{'s' * (workers > 1)} on all cores, {2 * seconds:g} s")
        with replica(home, workers) as (service, _):
            time.sleep(3)  # the first worker may answer /readyz before the second has started
            offer(service, requests, 500, 3)
            step, cpu = offer(service, requests, RATES[-1] * workers, 2 * seconds)
            rows.append(
                [str(workers), f"{step.goodput():,.0f}/s", f"{cpu:.2f}", f"{memory_mb(service):,.0f}"]
            )
    return markdown_table(["workers, all cores", "goodput when saturated", "CPU s / 1,000", "MB"], rows)


def main() -> int:
    """Print the tables."""
    arguments = options.capacity().parse_args()
    with store() as home:
        requests = committed_requests()
        tables, steps = one_replica(home, requests, arguments.seconds)
        tables += "\n\n" + several_workers(home, requests, arguments.seconds)
    print(tables)
    write_report("capacity", tables)
    if arguments.publish:
        draw(steps, PROJECT / "docs" / "capacity.svg")
        publish(PROJECT / "docs" / "deployment.md", "make capacity", tables)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
