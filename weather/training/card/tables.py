"""Tables of scores: Markdown for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from weather.training.card.findings import PERSISTENCE, Results
from weather.training.samples import TEST_FOLD, Samples
from weather.training.scores import FORMULAS
from weather.training.verification import Interval, Verification, calibration_error

HEADINGS = {
    "bias": "bias",
    "brier": "Brier",
    "bss_climatology": "BSS vs climatology",
    "bss_persistence": "BSS vs persistence",
}
"""Of scores whose heading is not their name in capitals."""

SIGNED = ("bss_climatology", "bss_persistence")

ScoresJson = dict[str, dict[str, dict[str, float | None]]]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def scores(rows: Mapping[str, Verification], columns: Sequence[str] = tuple(FORMULAS)) -> str:
    """A row for each forecaster, its scores with their 95 % intervals."""
    return markdown(
        ["forecaster", *(HEADINGS.get(c, c.upper()) for c in columns)],
        ([name, *cells(verified, columns)] for name, verified in rows.items()),
    )


def cells(verified: Verification, columns: Sequence[str]) -> list[str]:
    """Scores with their 95 % intervals."""
    values, intervals = verified.scores(), verified.intervals()
    return [with_interval(values[c], intervals[c], c in SIGNED) for c in columns]


def with_interval(value: float, interval: Interval, signed: bool = True) -> str:
    """``+0.107 (+0.077 … +0.136)``; a dash where the score is undefined."""
    if not np.isfinite(value):
        return "–"
    number = "{:+.3f}" if signed else "{:.3f}"
    return f"{number} ({number} … {number})".format(value, *interval)


def as_json(rows: Mapping[str, Verification]) -> ScoresJson:
    """The same figures for machines: forecaster -> score -> value, low, high (null: undefined)."""
    result: ScoresJson = {}
    for name, verified in rows.items():
        values, intervals = verified.scores(), verified.intervals()
        result[name] = {score: interval_json(values[score], intervals[score]) for score in FORMULAS}
    return result


def metrics(results: Results, samples: Samples) -> dict[str, object]:
    """What the manifest has of the card: all scores, those of dry hours, the gains, calibration.

    Undefined figures are left out: BentoML takes no null into the metadata of a model.
    """
    dry, test = ~samples.rain_now, samples.fold == TEST_FOLD
    others = {PERSISTENCE: results.persistence, **results.baselines}
    blind = {"model": results.blind} if results.blind else {}
    return {
        "cross_validation": _defined(as_json({"model": results.model, **others})),
        "gain_of_brier_skill": {
            name: interval_json(*results.model.gain(other, "bss_persistence"))
            for name, other in others.items()
        },
        "dry_hours": _defined(
            as_json({"model": results.model.where(dry), "threshold for onset": results.onset.where(dry)})
        ),
        "without_visibility": _defined(as_json(blind)),
        "calibration_error": round(calibration_error(results.model.probability, results.model.y), 6),
        "test": _defined(
            as_json({"model": results.model.where(test), PERSISTENCE: results.persistence.where(test)})
        ),
    }


def _defined(scores: ScoresJson) -> ScoresJson:
    return {
        name: {score: figure for score, figure in figures.items() if None not in figure.values()}
        for name, figures in scores.items()
    }


def interval_json(value: float, interval: Interval) -> dict[str, float | None]:
    """A figure with its interval, to six decimals."""
    return {"value": _rounded(value), "low": _rounded(interval[0]), "high": _rounded(interval[1])}


def _rounded(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
