"""The model card: what a trained model is, how good it is, and what not to use it for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from weather.contract.manifest import Manifest
from weather.training.observations import LONGEST_GAP_HOURS, Observations, Samples
from weather.training.verification import FORMULAS, Verification, reliability

mpl.use("Agg")
from matplotlib import pyplot as plt

mpl.rcParams["svg.hashsalt"] = "weather"  # the same picture gives the same bytes
COLUMNS = tuple(FORMULAS)


@dataclass(frozen=True)
class Findings:
    """Everything that the card reports."""

    manifest: Manifest
    observations: Observations
    samples: Samples
    pooled: Verification
    pooled_persistence: Verification
    yardsticks: dict[str, Verification]
    test: Verification
    test_persistence: Verification
    by_horizon: dict[int, Verification]
    chosen: str
    candidates: int


def table(rows: dict[str, Verification]) -> str:
    """A Markdown table: a row a forecaster, every score with its 95 % interval."""
    head = "| forecaster | " + " | ".join(_heading(c) for c in COLUMNS) + " |"
    lines = [head, "|---|" + "---|" * len(COLUMNS)]
    for name, verified in rows.items():
        scores, intervals = verified.scores(), verified.intervals()
        cells = [_cell(scores[c], intervals[c]) for c in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def scores_json(rows: dict[str, Verification]) -> dict[str, dict[str, dict[str, float | None]]]:
    """The same figures for machines: forecaster -> score -> value, low, high (null: undefined)."""
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for name, verified in rows.items():
        scores, intervals = verified.scores(), verified.intervals()
        found[name] = {
            c: {
                "value": _rounded(scores[c]),
                "low": _rounded(intervals[c][0]),
                "high": _rounded(intervals[c][1]),
            }
            for c in COLUMNS
        }
    return found


def write(path: Path, findings: Findings) -> None:
    """Write the card to ``path`` and its pictures beside it."""
    _pictures(path.parent, findings)
    manifest, samples = findings.manifest, findings.samples
    first, last = str(samples.hour.min()), str(samples.hour.max())
    notes = "\n".join(f"- {note}" for note in findings.observations.notes)
    horizon = manifest.horizon_hours
    features = "\n".join(
        f"| {f.name} | {f.unit} | {f.minimum:g} … {f.maximum:g} |" for f in manifest.features
    )
    files = "\n".join(f"- `{name}`, SHA-256 `{digest}`" for name, digest in manifest.sha256.items())
    split = manifest.split
    path.write_text(
        f"""# Model card: {manifest.name}

Written by `python train_import.py train`; no figure here was typed by hand.

**What it answers.** Will there be any measurable precipitation at the station within the next
{horizon} hours? It gives a calibrated probability, and *Rain* where that is above
{manifest.threshold:g}, the threshold with the highest Heidke skill score on held-out
blocks.

**What it is.** `StandardScaler` and an RBF support-vector classifier ({findings.chosen};
{manifest.hyperparameters["support_vectors"]:,.0f} support vectors), calibrated by a sigmoid.

{files}

## How good it is

Every week of the record was forecast by a model that had not seen it: five folds of whole weeks,
each forecast by a model made from the other four. Each fold's hyperparameters are those that
did best on the other four. {len(findings.pooled.y):,} hours,
{findings.pooled.y.mean():.1%} of them followed by rain. In brackets: 95 % intervals by a block
bootstrap of whole days.

{table(_pooled_rows(findings))}

{_verdict(findings)}

Persistence says "as now"; its probability is the rain frequency after wet and after dry hours,
which is persistence at its strongest. Climatology is the rain frequency. Both are taken from the
blocks that the model was made from. POD, CSI, HSS, PSS: more is better; FAR, Brier: less; bias: 1.

![Reliability diagram](reliability.svg) ![Performance diagram](performance.svg)
![Skill by horizon](horizon.svg)

The committed files come from one fit and were tested on the blocks that they never saw
({len(findings.test.y):,} hours, fold {split["test_fold"]}):

{table({"this model": findings.test, "persistence": findings.test_persistence})}

## Data

{manifest.data["name"]}, {first} to {last} UTC, {len(findings.observations.table):,} hourly
observations, {len(samples):,} usable (all seven values, and the {horizon} hours after them, known).
SHA-256 of the file: `{manifest.data["sha256"]}`.

{notes}

Pressure is missing far more often when it rains; dropping such rows would throw half of the rain
away, so gaps of up to {LONGEST_GAP_HOURS} h are interpolated within a station's week. An
interpolated value uses the next measured one, which a live station would not have yet.

![Missing pressure](missing.svg)

The label of hour *t* is rain at the same station in hours *t+1* to *t+{horizon}*, by timestamp,
never hour *t* itself.

**Split.** Whole weeks, all stations together, dealt to five folds in turn, so each fold covers
all seasons. The last {horizon} hours of each week are left out: no label reaches into another
block. Scaler and classifier are fitted on {split["train_hours"]:,} hours of four folds. Sigmoid and
threshold come from the same hours, each fold forecast by a classifier fitted on the other three.
Tested on {split["test_hours"]:,} hours of the fifth. Hyperparameters: the best of
{findings.candidates} candidates by pooled Brier score.

| feature | unit | range in training |
|---|---|---|
{features}

## Limits, and what not to use it for

- One hour at one place, no radar, no neighbours, no history: it can see that rain is likely to
  go on or that a front is near, not where a shower will fall.
- Wind bearing is circular, and the model sees degrees: 359 and 1 look far apart to it. With the
  scaled seven-column contract of the system that this replaces, that can't be mended.
- Visibility in the default data is capped at 16.09 km (10 miles): beyond, it knows nothing.
- The default data are three airports within 30 km in one year. Elsewhere, train on your own.
- Inputs outside the range in training are answered, and should be distrusted.
- Not for aviation, flood warning or any decision about safety.
"""
    )


def _pooled_rows(findings: Findings) -> dict[str, Verification]:
    return {
        "this procedure (RBF SVC)": findings.pooled,
        "persistence": findings.pooled_persistence,
        **findings.yardsticks,
    }


def _verdict(findings: Findings) -> str:
    scores, intervals = findings.pooled.scores(), findings.pooled.intervals()
    theirs = findings.pooled_persistence.scores()
    low, high = intervals["bss_persistence"]
    sentences = [
        f"Against persistence the Brier skill score is {scores['bss_persistence']:+.3f} "
        f"({low:+.3f} … {high:+.3f}) and the Heidke skill score {scores['hss']:.3f} "
        f"against {theirs['hss']:.3f}."
    ]
    if low <= 0 <= high:
        sentences.append(
            "**The interval of the Brier skill score reaches below zero: on this year of data the "
            "gain over persistence can't be told from chance.**"
        )
    sentences.append(
        f"Against climatology it is {scores['bss_climatology']:+.3f} "
        f"({intervals['bss_climatology'][0]:+.3f} … {intervals['bss_climatology'][1]:+.3f})."
    )
    better = [
        name for name, verified in findings.yardsticks.items() if verified.scores()["brier"] < scores["brier"]
    ]
    if better:
        sentences.append(
            f"A lower Brier score was reached by {' and '.join(better)}: the support-vector classifier "
            "is kept because `svc.onnx` has to stay drop-in for the system that this replaces."
        )
    return " ".join(sentences)


def _pictures(folder: Path, findings: Findings) -> None:
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    forecast, observed, _ = zip(
        *reliability(findings.pooled.probability, findings.pooled.y, bins=12), strict=True
    )
    axes.plot(forecast, observed, "o-", label="this procedure")
    axes.axhline(findings.pooled.y.mean(), color="0.6", linestyle=":", label="climatology")
    axes.set(
        xlabel="forecast probability",
        ylabel="observed frequency",
        title="Reliability (equal-sized bins)",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.legend()
    _save(figure, folder / "reliability.svg")

    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    ratio = np.linspace(0.01, 1, 100)
    for level in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7):  # CSI = 1 / (1/SR + 1/POD - 1), Roebber 2009
        with np.errstate(divide="ignore"):
            detected = 1 / (1 / level + 1 - 1 / ratio)
        seen = (detected > 0) & (detected <= 1)
        axes.plot(ratio[seen], detected[seen], color="0.85", linewidth=1, zorder=0)
        axes.annotate(f"CSI {level}", (ratio[seen][-1], detected[seen][-1]), color="0.5", fontsize=7)
    for name, verified in _pooled_rows(findings).items():
        scores = verified.scores()
        axes.plot(1 - scores["far"], scores["pod"], "o", label=name)
    axes.set(
        xlabel="success ratio (1 - FAR)",
        ylabel="probability of detection",
        title="Performance diagram",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
    )
    axes.legend(fontsize=8, loc="lower left")
    _save(figure, folder / "performance.svg")

    figure, axes = plt.subplots(figsize=(4.5, 3.5))
    hours = sorted(findings.by_horizon)
    for score, name in (
        ("bss_persistence", "against persistence"),
        ("bss_climatology", "against climatology"),
    ):
        values = [findings.by_horizon[h].scores()[score] for h in hours]
        bounds = np.array([findings.by_horizon[h].intervals()[score] for h in hours]).T
        axes.fill_between(hours, *bounds, alpha=0.2)
        axes.plot(hours, values, "o-", label=name)
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set(xlabel="horizon (hours)", ylabel="Brier skill score", title="Skill by horizon")
    axes.legend()
    _save(figure, folder / "horizon.svg")

    figure, axes = plt.subplots(figsize=(4.5, 3))
    missing = findings.observations.pressure_missing
    axes.bar(["dry hours", "rainy hours"], [100 * missing[False], 100 * missing[True]])
    axes.set(ylabel="pressure missing (%)", title="Missing data is not random")
    _save(figure, folder / "missing.svg")


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _heading(score: str) -> str:
    return {
        "bss_climatology": "BSS vs climatology",
        "bss_persistence": "BSS vs persistence",
    }.get(score, {"bias": "bias", "brier": "Brier"}.get(score, score.upper()))


def _cell(value: float, interval: tuple[float, float]) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.3f} ({interval[0]:.3f} … {interval[1]:.3f})"


def _rounded(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
