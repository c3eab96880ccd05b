"""Forecasts of New York's model for other places and other years.

The package ``diyepw`` (BSD licence) carries NOAA's hourly ISD-Lite records of three stations. They have
no visibility. The package is located, not imported.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weather.training.cross_fitting import Estimator, fit, judged
from weather.training.features import VISIBILITY
from weather.training.fitting import Model
from weather.training.observations import Observations
from weather.training.samples import Samples, samples
from weather.training.sources import from_isd_lite
from weather.training.verification import Reference, Verification

STATIONS = {
    "725300": "O'Hare, Illinois",
    "725957": "Mount Shasta, California",
    "702910": "Northway, Alaska",
}
FOLDER = "data/noaa_isd_lite_files"


@dataclass(frozen=True)
class Place:
    """A station's hours, forecast without visibility by the model and by each baseline."""

    name: str
    years: str
    forecasts: Mapping[str, Verification]


def other_places() -> dict[str, Observations]:
    """The stations' records by name; none if the package is not installed."""
    spec = importlib.util.find_spec("diyepw")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0]) / FOLDER
    return {name: from_isd_lite(sorted(folder.glob(f"{station}-*.gz"))) for station, name in STATIONS.items()}


def asked_elsewhere(
    model: Model, baselines: Mapping[str, Estimator], seen: Samples, horizon: int, ours: str
) -> list[Place]:
    """The model and baselines, which are fitted here to ``seen`` without visibility, at other places.

    Persistence and climatology are the frequencies of the place itself, which favours them.
    """
    places = other_places()
    if not places:
        return []
    blind = replace(seen, x=hidden(seen.x))
    for baseline in baselines.values():
        fit(baseline, blind)
    results = []
    for name, observed in places.items():
        there = samples(observed, horizon)
        known = Reference.of(there.rain_now, there.y)
        probabilities = {ours: model.probability(there.x)} | {
            other: np.asarray(1 / (1 + np.exp(-baseline.decision_function(there.x))))
            for other, baseline in baselines.items()
        }
        forecasts = {n: judged(there, known, p, p > model.threshold) for n, p in probabilities.items()}
        results.append(Place(name, observed.name.rsplit(", ", 1)[1], forecasts))
    return results


def hidden(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Observations without their visibility."""
    x = x.copy()
    x[:, VISIBILITY] = np.nan
    return x
