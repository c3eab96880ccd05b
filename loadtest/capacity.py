"""``make capacity``: what one replica can take at which latency, and what a second worker adds.

Open-loop load of single forecasts. One replica has the first core, this program the others; for the
scaling run both share all cores, so its second line is bounded by what the load itself takes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import uvloop

from loadtest.chaos import on_first_core, published, questions
from loadtest.openloop import Load, Outcome, Question
from loadtest.serving import PROJECT, Service, family_of, running, store

mpl.use("Agg")
from matplotlib import pyplot as plt

RATES = (250, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000)
BUDGETS_MS = (10, 25, 50, 100)


def cpu(service: Service) -> float:
    """CPU seconds of supervisor and workers so far."""
    return float(sum(sum(member.cpu_times()[:2]) for member in family_of(service.process)))


def memory(service: Service) -> float:
    """Resident MB of supervisor and workers."""
    return float(sum(member.memory_info().rss for member in family_of(service.process)) / 1e6)


@contextmanager
def replica(home: Path, workers: int) -> Iterator[tuple[Service, float]]:
    """A service and the seconds until it was ready."""
    begin = time.monotonic()
    options = {"BENTOML_CONFIG_OPTIONS": f"services.rain_forecast.workers={workers}"}
    with running(home, env=options) as service:
        yield service, time.monotonic() - begin


def offer(service: Service, asked: list[Question], rate: float, seconds: float) -> Outcome:
    """One step of load."""
    return uvloop.run(Load(lambda: [service.url], asked, rate, seconds).run())


def one_replica(home: Path, asked: list[Question], seconds: float) -> tuple[list[str], dict[int, Outcome]]:
    """Latency by rate, memory, readiness, and which rate keeps which latency; the steps by rate."""
    lines = ["| requests/s | p50 (ms) | p99 (ms) | refused | CPU s / 1,000 |", "|---|---|---|---|---|"]
    kept: dict[int, float] = {}
    steps: dict[int, Outcome] = {}
    with on_first_core(replica(home, 1)) as (service, ready):
        offer(service, asked, 500, 3)
        for rate in RATES:
            before = cpu(service)
            steps[rate] = step = offer(service, asked, rate, seconds)
            used = (cpu(service) - before) / step.count(200) * 1000
            refused = step.count(429) / step.offered
            lines.append(
                f"| {rate:,} | {step.percentile(50):.1f} | {step.percentile(99):.1f} "
                f"| {refused:.1%} | {used:.2f} |"
            )
            if refused > 0.05:
                break
            for budget in BUDGETS_MS:
                if step.percentile(99) <= budget and refused < 0.001:
                    kept[budget] = max(kept.get(budget, 0), rate)
        lines += ["", f"Ready after {ready:.1f} s; {memory(service):,.0f} MB, supervisor included.", ""]
    lines += ["| p99 within | one replica takes | replicas for 10,000/s |", "|---|---|---|"]
    lines += [f"| {b} ms | {r:,.0f}/s | {-(-10_000 // r):.0f} |" for b, r in sorted(kept.items())]
    return lines, steps


def draw(steps: dict[int, Outcome], file: Path) -> None:
    """Latencies and the refused share over the rate that was offered."""
    mpl.rcParams["svg.hashsalt"] = "rain"
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for percent, style in ((50, "o-"), (95, "s-"), (99, "^-")):
        axis.plot(
            list(steps), [step.percentile(percent) for step in steps.values()], style, label=f"p{percent}"
        )
    axis.set(xlabel="forecasts asked for a second, open loop", ylabel="ms", yscale="log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.grid(alpha=0.3, which="both")
    shares = axis.twinx()
    refused = [100 * step.count(429) / step.offered for step in steps.values()]
    shares.bar(list(steps), refused, width=120, alpha=0.25, color="tab:red")
    shares.set(ylabel="refused (%)", ylim=(0, 100))
    axis.legend(loc="upper left")
    axis.set_title("One replica on one core", fontsize=10)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def scaling(home: Path, asked: list[Question], seconds: float) -> list[str]:
    """Goodput beyond saturation with one and two workers on all cores."""
    lines = ["", "| workers, all cores | goodput when saturated | CPU s / 1,000 | MB |", "|---|---|---|---|"]
    for workers in (1, 2):
        with replica(home, workers) as (service, _):
            time.sleep(3)  # /readyz may be the first worker's before the second was counted
            offer(service, asked, 500, 3)
            before = cpu(service)
            step = offer(service, asked, RATES[-1] * workers, 2 * seconds)
            used = (cpu(service) - before) / step.count(200) * 1000
            lines.append(f"| {workers} | {step.goodput():,.0f}/s | {used:.2f} | {memory(service):,.0f} |")
    return lines


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.capacity", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each step")
    parser.add_argument(
        "--publish", action="store_true", help="tables into docs/deployment.md, and docs/capacity.svg"
    )
    given = parser.parse_args()
    with store() as home:
        asked = questions()
        lines, steps = one_replica(home, asked, given.seconds)
        table = "\n".join([*lines, *scaling(home, asked, given.seconds)]) + "\n"
    print(table)
    if given.publish:
        draw(steps, PROJECT / "docs" / "capacity.svg")
        published(PROJECT / "docs" / "deployment.md", "make capacity", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
