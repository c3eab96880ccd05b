"""The figures and pictures of README, documents and cards, with the command and the sources of each.

docs/figures.json records for each of them the commit, and a digest of the sources that it measures. A figure
is stale when these have changed since.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from loadtest.sources import PROJECT, digest

Entries = dict[str, dict[str, Any]]

RECORD = PROJECT / "docs" / "figures.json"

ARTIFACTS = ("artifacts/model-scaler.pkl", "artifacts/svc.onnx", "artifacts/manifest.json")
SERVICE = (
    "service.py",
    "weather/contract",
    "weather/importing",
    "weather/model",
    "weather/telemetry",
    "weather/http",
    "weather/pages/routes.py",
    "weather/open_inference",
    "weather/serving",
    "requirements/serving.lock",
    *ARTIFACTS,
)
LOAD = ("loadtest/openloop.py", "loadtest/requests.py", "loadtest/harness.py")
BENCH = (".venv-benchmarks/bin/python", "-m", "benchmarks.run", "--publish", "--part")


@dataclass(frozen=True)
class Figure:
    """The output of one command, and the sources that it measures.

    ``marks`` are the names of its blocks in documents, ``pictures`` its files. ``minutes`` is an estimate,
    until docs/figures.json has what it took.
    """

    name: str
    command: tuple[str, ...]
    minutes: float
    marks: tuple[str, ...]
    sources: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    records_nothing: bool = False
    """Whether the command does not call ``record``. Training does not, as it can't import load tests."""


def bench(part: str, minutes: float, *marks: str, pictures: tuple[str, ...] = ()) -> Figure:
    """A part of ``make bench``."""
    sources = (*SERVICE, "benchmarks", "requirements/benchmarks.lock", "requirements/mlserver.lock")
    own = (f"make bench: {part}", *marks)
    return Figure(part, (*BENCH, part), minutes, own, sources, pictures, ("wrk", "taskset"))


def python(*arguments: str) -> tuple[str, ...]:
    """A command run by this environment's Python."""
    return (sys.executable, *arguments)


FIGURES = (
    Figure(
        "card",
        python("train_import.py", "train"),
        1.5,
        ("make train",),
        ("weather/contract", "weather/importing", "weather/training", "requirements/training.lock"),
        tuple(f"artifacts/{name}.svg" for name in ("horizon", "missing", "performance", "reliability")),
        records_nothing=True,
    ),
    Figure(
        "picture",
        python("-m", "tests.pages.picture"),
        0.3,
        ("make picture",),
        ("weather/contract", "weather/pages", "tests/pages/picture.py", *ARTIFACTS),
        ("docs/page.png", "docs/page-dark.png"),
        ("chromium",),
    ),
    bench("peers", 12, "make bench", pictures=("docs/bench.svg",)),
    bench("ablations", 5),
    bench("bulk", 1.5),
    bench("growth", 2),
    bench("instructions", 1),
    bench("kernels", 0.5),
    Figure(
        "chaos",
        python("-m", "loadtest.chaos", "--publish"),
        6,
        ("make chaos",),
        (*SERVICE, *LOAD, "loadtest/chaos", "loadtest/bad_clients.py"),
    ),
    Figure(
        "capacity",
        python("-m", "loadtest.capacity", "--publish"),
        2,
        ("make capacity",),
        (*SERVICE, *LOAD, "loadtest/capacity.py"),
        ("docs/capacity.svg",),
    ),
    Figure(
        "replicas",
        python("-m", "loadtest.replicas", "--publish"),
        2,
        ("make test-replicas",),
        (*SERVICE, *LOAD, "loadtest/replicas.py", "loadtest/locustfile.py", "deploy/compose/haproxy.cfg"),
        needs=("haproxy",),
    ),
    Figure(
        "stations",
        python("-m", "loadtest.consoles", "--publish"),
        2,
        ("make loadtest-stations",),
        ("stations", *SERVICE, "loadtest/consoles", "requirements/stations.lock"),
    ),
    Figure(
        "training",
        python("-m", "benchmarks.training", "--publish"),
        6,
        ("python -m benchmarks.training --publish",),
        ("weather/contract", "weather/training", "benchmarks/training.py", "requirements/training.lock"),
    ),
    Figure(
        "scoring",
        python("-m", "benchmarks.scoring", "--publish"),
        5,
        ("python -m benchmarks.scoring --publish",),
        (
            "weather/contract",
            "weather/model",
            "weather/importing",
            "weather/scoring",
            "benchmarks/scoring.py",
            "requirements/scale.lock",
            *ARTIFACTS,
        ),
    ),
    Figure(
        "image",
        ("deploy/image/engine.sh", *python("-m", "deploy.image.build", "rain-forecast:figures", "--publish")),
        5,
        ("make image",),
        ("bentofile.yaml", "deploy/image", "requirements/serving.lock", *ARTIFACTS),
    ),
)
"""In the order in which they are made: training comes first, because the others measure its model."""


def record(mark: str) -> None:
    """Record that a mark's figures match the current sources; called by the code that writes them."""
    for figure in FIGURES:
        if mark in figure.marks:
            keep(recorded() | {mark: {"commit": commit(), "sources": digest(figure.sources)}})


def recorded() -> Entries:
    """The entries of docs/figures.json, by mark."""
    return dict(json.loads(RECORD.read_text())) if RECORD.exists() else {}


def keep(entries: Entries) -> None:
    """Write docs/figures.json."""
    RECORD.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n")


def minutes(figure: Figure) -> float:
    """The duration of the last run, or the estimate if there was none."""
    took = [
        entry["minutes"] for mark, entry in recorded().items() if mark in figure.marks and "minutes" in entry
    ]
    return float(took[0]) if took else figure.minutes


def commit() -> str:
    """The commit that is checked out; ``unknown`` outside of a git repository."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def staleness(figure: Figure) -> str:
    """Why the figures do not match the current sources; empty if they do."""
    entries = recorded()
    for mark in figure.marks:
        if mark not in entries:
            return "not recorded yet"
        if entries[mark]["sources"] != digest(figure.sources):
            return f"of commit {entries[mark]['commit'][:8]}, its sources have changed since"
    return ""
