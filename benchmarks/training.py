"""Time and memory of training on many hours: ``python -m benchmarks.training``, ten minutes.

The hours are the default data over and over, with noise below what a station reports, each repetition as
other stations. One candidate is cross-fitted (15 fits, each of at most MAX_FIT_HOURS), which is what training
does for each of its settings; and once all hours are fitted at once, to show how that grows.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from loadtest.serving import PROJECT
from loadtest.tables import markdown_table, publish
from weather.training.cross_fitting import cross_fit
from weather.training.features import HUMIDITY, PRESSURE, TEMPERATURE, WIND
from weather.training.fitting import Classifier, Hyperparameters
from weather.training.samples import Samples, samples
from weather.training.sources import new_york_2013

DOCUMENT = PROJECT / "docs" / "training.md"

HOURS = (25_000, 250_000, 1_000_000)

NOISE = {TEMPERATURE: 0.3, HUMIDITY: 0.005, WIND: 0.5, PRESSURE: 0.3}
"""Standard deviations, in the contract's units."""

SETTINGS = Hyperparameters(gamma=0.01, c=0.3)


def repeated(count: int) -> Samples:
    """``count`` hours of as many stations as it takes."""
    data = samples(new_york_2013(), 4)
    rows = np.arange(count) % len(data)
    x, repetition = data.x[rows], np.arange(count) // len(data)
    rng = np.random.default_rng(0)
    for column, noise in NOISE.items():
        x[:, column] += rng.normal(0, noise, count)
    x[:, HUMIDITY] = x[:, HUMIDITY].clip(0, 1)
    x[:, WIND] = x[:, WIND].clip(0)
    station = np.char.add(data.station[rows], repetition.astype(str))
    return replace(data.where(rows), x=x, station=station)


def measured(count: int, whole: bool) -> dict[str, float]:
    """Seconds of one core, and the peak memory of this process in MB."""
    data = repeated(count)
    start = time.process_time()  # one thread, so on an idle core that is the time
    with threadpool_limits(1):
        if whole:
            Classifier(SETTINGS).fit(data.x, data.y)
        else:
            cross_fit(data, lambda: Classifier(SETTINGS), lambda: None)
    seconds = time.process_time() - start
    return {"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def table() -> str:
    """Markdown; each measurement in a process of its own."""
    lines = []
    for count in HOURS:
        cells = [f"{count:,}"]
        for whole in ("whole", "cross-fit"):
            command = [sys.executable, "-m", "benchmarks.training", str(count), whole]
            done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            cells += [f"{done['seconds']:.1f}", f"{count / done['seconds']:,.0f}", f"{done['mb']:,.0f}"]
        lines.append(cells)
    header = ["hours", "one fit (s)", "hours/s", "peak (MB)", "a cross-fit (s)", "hours/s", "peak (MB)"]
    return markdown_table(header, lines)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [count, kind]:
            print(json.dumps(measured(int(count), kind == "whole")))
        case ["--publish"]:
            publish(DOCUMENT, "python -m benchmarks.training --publish", table())
        case _:
            print(table())
