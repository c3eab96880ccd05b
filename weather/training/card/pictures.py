"""The card's diagrams, as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from weather.training.card.findings import MODEL, Findings
from weather.training.verification import reliability

mpl.use("Agg")
from matplotlib import pyplot as plt

mpl.rcParams["svg.hashsalt"] = "weather"  # the same picture gives the same bytes


def draw(folder: Path, findings: Findings) -> None:
    """Write reliability.svg, performance.svg, horizon.svg and, if values were missing, missing.svg."""
    _save(_reliability(findings), folder / "reliability.svg")
    _save(_performance(findings), folder / "performance.svg")
    _save(_horizon(findings), folder / "horizon.svg")
    if findings.observations.missing:
        _save(_missing(findings), folder / "missing.svg")


def _reliability(findings: Findings) -> Figure:
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    points = reliability(findings.results.model.probability, findings.results.model.y, bins=12)
    axes.plot([f for f, _, _ in points], [o for _, o, _ in points], "o-", label=MODEL)
    axes.axhline(findings.results.model.y.mean(), color="0.6", linestyle=":", label="climatology")
    axes.set(
        xlabel="forecast probability",
        ylabel="observed frequency",
        title="Reliability (bins of equal size)",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.legend()
    return figure


def _performance(findings: Findings) -> Figure:
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    ratio = np.linspace(0.01, 1, 100)
    for level in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7):  # CSI = 1 / (1/SR + 1/POD - 1), Roebber 2009
        with np.errstate(divide="ignore"):
            detected = 1 / (1 / level + 1 - 1 / ratio)
        seen = (detected > 0) & (detected <= 1)
        axes.plot(ratio[seen], detected[seen], color="0.85", linewidth=1, zorder=0)
        axes.annotate(f"CSI {level}", (ratio[seen][-1], detected[seen][-1]), color="0.5", fontsize=7)
    for name, verified in findings.results.forecasters.items():
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
    return figure


def _horizon(findings: Findings) -> Figure:
    figure, axes = plt.subplots(figsize=(4.5, 3.5))
    hours = sorted(findings.results.by_horizon)
    for score, name in (
        ("bss_persistence", "against persistence"),
        ("bss_climatology", "against climatology"),
    ):
        values = [findings.results.by_horizon[h].scores()[score] for h in hours]
        bounds = np.array([findings.results.by_horizon[h].intervals()[score] for h in hours]).T
        axes.fill_between(hours, *bounds, alpha=0.2)
        axes.plot(hours, values, "o-", label=name)
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set(xlabel="horizon (hours)", ylabel="Brier skill score", title="Skill by horizon")
    axes.legend()
    return figure


def _missing(findings: Findings) -> Figure:
    figure, axes = plt.subplots(figsize=(4.5, 3))
    missing = findings.observations.missing
    rows = np.arange(len(missing))
    axes.barh(rows - 0.2, [100 * m.dry for m in missing.values()], 0.4, label="dry hours")
    axes.barh(rows + 0.2, [100 * m.rainy for m in missing.values()], 0.4, label="rainy hours")
    axes.set(yticks=rows, yticklabels=list(missing), xlabel="missing (%)", title="Missing values")
    axes.legend()
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
