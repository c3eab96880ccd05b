"""The card's text: ``card.md.j2`` with what it needs. Each sentence there is computed from the data, or is
printed for the default data only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from weather.contract.names import CARD_FILE
from weather.training import words
from weather.training.card import conditions, pictures, tables
from weather.training.card.findings import MODEL, PERSISTENCE, Findings
from weather.training.features import VISIBILITY
from weather.training.observations import MAX_GAP_HOURS
from weather.training.samples import BLOCK_HOURS, FOLDS
from weather.training.verification import calibration_error

SKEWED = 2.0
"""A feature that is missing so many times as often when it rains is named ..."""

NOTICED = 0.01
"""... if it is missing in such a share of the rainy hours at least."""

TEMPLATES = Environment(  # noqa: S701 (Markdown, of figures and names of files)
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "counted": words.counted,
    "listed": words.listed,
    "share": words.share,
    "thousands": words.thousands,
}


def write(folder: Path, findings: Findings) -> None:
    """Write the card to ``folder`` and its pictures beside it."""
    pictures.draw(folder, findings)
    text = TEMPLATES.get_template("card.md.j2").render(
        vars(findings)
        | {"default_data": findings.default_data, "test": findings.test}
        | _comparison(findings)
        | conditions.onset(findings)
        | conditions.calibration(findings)
        | conditions.where_and_when(findings)
        | conditions.elsewhere(findings)
        | _record(findings)
    )
    (folder / CARD_FILE).write_text(words.wrapped(re.sub(r"\n{3,}", "\n\n", text)))


def _comparison(findings: Findings) -> dict[str, Any]:
    """The model beside persistence and the baselines."""
    results = findings.results
    gains = {name: results.model.gain(v, "bss_persistence") for name, v in results.baselines.items()}
    _, (low, high) = results.model.gain(results.persistence, "bss_persistence")
    difference, spread = results.model.gain(results.persistence, "hss")
    shown = dict(results.forecasters)
    if results.blind is not None:
        shown[f"{MODEL} without visibility"] = results.blind
    rows = []
    for name, verified in shown.items():
        bss, hss = tables.cells(verified, ["bss_persistence", "hss"])
        gain = tables.with_interval(*gains[name]) if name in gains else "–"
        error = calibration_error(verified.probability, verified.y)
        rows.append([name, bss, gain, hss, f"{error:.3f}"])
    return {
        "comparison": tables.markdown(
            ["forecaster", "BSS vs persistence", "gain of this model", "HSS", "ECE"], rows
        ),
        "skill": {"low": low, "high": high},
        "better_than": [name for name, (_, (least, _)) in gains.items() if least > 0],
        "like": [name for name, (_, (least, most)) in gains.items() if least <= 0 <= most],
        "worse_than": [name for name, (_, (_, most)) in gains.items() if most < 0],
        "decision": {
            "low": spread[0],
            "high": spread[1],
            "text": tables.with_interval(difference, spread),
        },
        "yes_or_no": tables.scores(
            {MODEL: results.model, PERSISTENCE: results.persistence},
            ["pod", "far", "csi", "bias", "pss", "brier", "bss_climatology"],
        ),
        "compared": [f"{count} of {name}" for name, count in findings.settings.items() if count > 1],
        "test_scores": tables.cells(findings.test, ["bss_persistence", "hss"]),
    }


def _record(findings: Findings) -> dict[str, Any]:
    """The data, what was missing, how they were split."""
    samples, observed = findings.samples, findings.observations
    months = samples.hour.astype("datetime64[M]")
    hours = observed.table["hour"]
    visibility = samples.x[np.isfinite(samples.x[:, VISIBILITY]), VISIBILITY]
    return {
        "horizon": words.counted(findings.manifest.horizon_hours, "hour"),
        "folds": FOLDS,
        "block_hours": BLOCK_HOURS,
        "longest_gap": MAX_GAP_HOURS,
        "skewed": {
            name: missing
            for name, missing in observed.missing.items()
            if missing.rainy > SKEWED * missing.dry and missing.rainy > NOTICED
        },
        "months": len(np.unique(months)),
        "months_covered": min(len(np.unique(months[samples.fold == fold])) for fold in range(FOLDS)),
        "ranges": tables.markdown(
            ["feature", "unit", "range in training"],
            ([f.name, f.unit, f"{f.minimum:g} … {f.maximum:g}"] for f in findings.manifest.features),
        ),
        "days": (hours.max() - hours.min()).days + 1,
        "visibility": {
            "highest": visibility.max(),
            "constant": visibility.min() == visibility.max(),
            "capped": (visibility == visibility.max()).mean(),
        }
        if len(visibility)
        else None,
    }
