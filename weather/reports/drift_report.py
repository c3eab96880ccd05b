"""The drift report as Markdown with pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.reports.distances import KS_LIMIT, P_LIMIT, PSI_LIMIT
from weather.reports.drift import Report, Training
from weather.reports.logs import Log
from weather.reports.outcomes import Calibration

mpl.use("Agg")
from matplotlib import pyplot as plt

Floats = NDArray[np.float64]


def write(path: Path, report: Report, then: Training, log: Log) -> None:
    """The report as Markdown, its pictures as PNG beside it."""
    picture = path.with_name(f"{path.stem}-distributions.png")
    _distributions(picture, then, log)
    drifted = ", ".join(report.drifted) or "none"
    rows = [
        f"| {s.name} | {s.psi:.3f} | {s.ks:.3f} | {s.p:.1e} | {s.mean_then:.4g} "
        f"| {'missing' if s.mean_now is None else f'{s.mean_now:.4g}'} | {'**yes**' if s.drifted else 'no'} |"
        for s in (*report.features, *([report.probability] if report.probability else []))
    ]
    models = ", ".join(f"{name} ({n:,})" for name, n in report.models.items())
    text = f"""# Drift report

**Drifted: {drifted}.**

{report.rows:,} logged forecasts ({report.malformed:,} malformed lines left out), by {models}, beside
{report.reference}. Drifted means PSI above {PSI_LIMIT:g}, or a Kolmogorov-Smirnov distance D above
{KS_LIMIT:g} with p below {P_LIMIT:g}; `docs/drift.md` says why.

| | PSI | D | p | mean then | mean now | drifted |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

*Rain* was forecast for {report.rain_share_now:.1%} of the rows, then {report.rain_share_then:.1%}.

![Distributions]({picture.name})
"""
    if report.calibration:
        scores = report.calibration
        diagram = path.with_name(f"{path.stem}-reliability.png")
        _reliability(diagram, scores)
        bins = "\n".join(f"| {f:.3f} | {o:.3f} | {n:,} |" for f, o, n in scores.bins)
        text += f"""
## Calibration

{scores.joined:,} forecasts with their outcome ({scores.ambiguous:,} outcomes left out as ambiguous): Brier
score {scores.brier:.4f}, of their rain frequency {scores.brier_climatology:.4f}; less is better.

| forecast | rain came | rows |
|---|---|---|
{bins}

![Reliability]({diagram.name})
"""
    path.write_text(text)


def _distributions(path: Path, then: Training, log: Log) -> None:
    pairs = [(name, then.x[:, i], log.x[:, i]) for i, name in enumerate(FEATURES)]
    if then.probability is not None and len(log.probability):
        pairs.append(("probability", then.probability, log.probability))
    figure, axes = plt.subplots(2, 4, figsize=(14, 6))
    for axis, (name, *sides) in zip(axes.flat, pairs, strict=False):
        measured = [side[np.isfinite(side)] for side in sides]
        edges = np.histogram_bin_edges(np.concatenate(measured), 30)
        for values, label in zip(measured, ("then", "now"), strict=True):
            axis.hist(
                values, edges, weights=np.full(len(values), 1 / max(len(values), 1)), alpha=0.5, label=label
            )
        axis.set(title=name)
    axes.flat[0].legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _reliability(path: Path, scores: Calibration) -> None:
    figure, axis = plt.subplots(figsize=(4.5, 4.5))
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axis.plot([f for f, _, _ in scores.bins], [o for _, o, _ in scores.bins], "o-")
    axis.set(xlabel="forecast probability", ylabel="observed frequency", xlim=(0, 1), ylim=(0, 1))
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
