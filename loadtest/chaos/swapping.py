"""Two models in one store, between which the service is made to swap."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from urllib.request import urlopen

from loadtest.requests import Request, predict_request
from loadtest.serving import PROJECT, store
from loadtest.stations import observation
from weather.contract.names import CLASSIFIER, COMPILED_FILE, MODEL_FILE, SCALER_FILE
from weather.model.classifier import Classifier

SHIFT = 0.05
"""Shift of the second model's scaler, in standard deviations."""


@contextmanager
def two_models() -> Iterator[tuple[Path, list[str]]]:
    """A store with the committed model and one with another scaler, and the tags of both."""
    artifacts = PROJECT / "artifacts"
    with store() as home, tempfile.TemporaryDirectory() as folder:
        (first,) = (path.name for path in (home / "models" / CLASSIFIER).glob("*/"))
        shutil.copy(artifacts / MODEL_FILE, folder)
        scaler = pickle.loads((artifacts / SCALER_FILE).read_bytes())  # noqa: S301 - it is ours
        scaler.mean_ = scaler.mean_ + SHIFT * scaler.scale_
        other = Path(folder) / SCALER_FILE
        other.write_bytes(pickle.dumps(scaler, protocol=4))
        command = ("import", "--scaler", other, "--model", Path(folder) / MODEL_FILE, "--json")
        done = subprocess.run(
            [sys.executable, "train_import.py", *command],
            cwd=PROJECT,
            env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
            check=True,
            capture_output=True,
        )
        yield home, [f"{CLASSIFIER}:{first}", json.loads(done.stdout)["classifier"]]


def requests(home: Path, models: Sequence[str], count: int = 500) -> list[Request]:
    """Varied observations, each with the forecast of each model."""
    classifiers = [
        Classifier((home / "models" / tag.replace(":", "/") / COMPILED_FILE).read_bytes()) for tag in models
    ]
    return [predict_request(observation(), *classifiers, models=models) for _ in range(count)]


async def back_and_forth(home: Path, models: Sequence[str], url: str, seconds: float) -> int:
    """Make each model the latest in turn, once the other one is served; returns the number of swaps."""
    latest = home / "models" / CLASSIFIER / "latest"
    swaps, end = 0, monotonic() + seconds
    while monotonic() < end:
        tag = models[swaps % 2]
        part = latest.with_suffix(".part")
        part.write_text(tag.partition(":")[2])
        part.replace(latest)
        while await asyncio.to_thread(served, url) != tag and monotonic() < end:
            await asyncio.sleep(0.1)
        swaps += 1
    return swaps


def served(url: str) -> str:
    """The tag of the served classifier."""
    with urlopen(f"{url}/model", timeout=10) as response:
        return str(json.load(response)["tags"]["classifier"])
