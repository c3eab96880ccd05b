"""When and where the model is good: onset, calibration, stations, seasons, horizons, other places."""

from __future__ import annotations

from typing import Any

import numpy as np

from weather.training.card import tables
from weather.training.card.findings import MODEL, Findings
from weather.training.verification import reliability
from weather.training.words import share

SEASONS = {
    "December to February": (12, 1, 2),
    "March to May": (3, 4, 5),
    "June to August": (6, 7, 8),
    "September to November": (9, 10, 11),
}

SKILL = ["bss_persistence", "hss"]
SKILL_HEAD = ["hours", "rain followed", "BSS vs persistence", "HSS"]


def onset(findings: Findings) -> dict[str, Any]:
    """Dry hours, in which people ask whether rain is coming, and wet ones."""
    results, dry = findings.results, ~findings.samples.rain_now
    rows = {name: verified.where(dry) for name, verified in results.forecasters.items()}
    now, then = rows[MODEL].counts(), results.onset.where(dry).counts()
    if findings.onset_threshold != findings.manifest.threshold:
        rows[f"{MODEL}, threshold {findings.onset_threshold:g}"] = results.onset.where(dry)
    return {
        "dry_hours": int(dry.sum()),
        "onset": tables.scores(rows, ["pod", "far", *SKILL[::-1]]),
        "now": now,
        "then": then,
        "wet": results.model.where(~dry),
    }


def calibration(findings: Findings) -> dict[str, Any]:
    """Whether the probabilities come true, and how far they are from the climatology."""
    p = findings.results.model.probability
    rows = [
        [f"{forecast:.3f}", f"{frequency:.3f}", f"{hours:,}"]
        for forecast, frequency, hours in reliability(p, findings.results.model.y)
    ]
    return {
        "calibration": tables.markdown(["forecast", "rain followed", "hours"], rows),
        "below_5": (p < 0.05).mean(),
        "above_50": (p > 0.5).mean(),
    }


def where_and_when(findings: Findings) -> dict[str, Any]:
    """By station, by season, by horizon."""
    samples, model = findings.samples, findings.results.model
    stations = np.unique(samples.station).tolist()
    month = samples.hour.astype("datetime64[M]").astype(int) % 12 + 1
    groups = {station: samples.station == station for station in stations if len(stations) > 1}
    groups |= {season: np.isin(month, months) for season, months in SEASONS.items()}
    rows = [
        [name, f"{mask.sum():,}", share(samples.y[mask].mean()), *tables.cells(model.where(mask), SKILL)]
        for name, mask in groups.items()
        if mask.any()
    ]
    horizons = [
        [f"{hours} h", f"{len(verified.y):,}", share(verified.y.mean()), *tables.cells(verified, SKILL)]
        for hours, verified in findings.results.by_horizon.items()
    ]
    return {
        "groups": tables.markdown(
            ["station or season" if len(stations) > 1 else "season", *SKILL_HEAD], rows
        ),
        "horizons": tables.markdown(["horizon", *SKILL_HEAD], horizons),
    }


def elsewhere(findings: Findings) -> dict[str, Any]:
    """The exported model and the baselines at other places."""
    asked_places = findings.results.places
    names = list(asked_places[0].forecasts) if asked_places else []
    rows = [
        [
            f"{place.name}, {place.years}",
            f"{len(place.forecasts[MODEL].y):,}",
            *(tables.cells(place.forecasts[name], ["bss_persistence"])[0] for name in names),
        ]
        for place in asked_places
    ]
    return {
        "places": tables.markdown(["place", "hours", *names], rows),
        "useless": [
            place.name
            for place in asked_places
            if place.forecasts[MODEL].intervals()["bss_persistence"][0] <= 0
        ],
    }
