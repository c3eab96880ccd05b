"""Do the logged inputs and forecasts still look like the training data, and are they still right?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kstwobign  # type: ignore[import-untyped]

from weather.contract.variables import FEATURES, LABELS, LIMITS, POSITIVE
from weather.importing.artifacts import Artifacts
from weather.importing.compiler import compile_pair
from weather.importing.errors import BadArtifact
from weather.model.classifier import Classifier
from weather.training.observations import BadData, Observations
from weather.training.observations import samples as samples_of
from weather.training.verification import reliability

mpl.use("Agg")
from matplotlib import pyplot as plt

Floats = NDArray[np.float64]

PSI_LIMIT = 0.2
"""Above it a distribution has shifted, by the convention of credit scoring (Siddiqi 2006)."""

KS_LIMIT = 0.15
"""Largest difference of the distribution functions that is no drift. Each fifth of the default data
(every fifth week) differs from the rest by up to 0.12 and by a PSI of up to 0.13: weather, not drift."""

P_LIMIT = 0.001
"""With thousands of rows any difference is significant, so this only guards against few rows."""

LEAST_ROWS = 100
"""With fewer, ten bins have a PSI near 0.1 without any drift."""

FLOOR = 1e-4
"""The least share of a bin: the logarithm of an empty one has no end."""


@dataclass(frozen=True)
class Log:
    """What the logs hold: ``table`` has the seven features, ``probability`` (NaN where the model gives
    none), ``rain`` (the decision), ``time`` (UTC) and ``model``.
    """

    table: pd.DataFrame
    malformed: int

    @property
    def x(self) -> Floats:
        """float64[n, 7], in the contract's order."""
        return np.asarray(self.table[list(FEATURES)], np.float64)


@dataclass(frozen=True)
class Shift:
    """One quantity, then and now."""

    name: str
    psi: float
    ks: float
    p: float
    mean_then: float
    mean_now: float

    @property
    def drifted(self) -> bool:
        """Whether it is beyond PSI_LIMIT or KS_LIMIT."""
        return self.psi > PSI_LIMIT or (self.ks > KS_LIMIT and self.p < P_LIMIT)


@dataclass(frozen=True)
class Calibration:
    """Forecasts beside what came: Brier score, and mean forecast, rain frequency, count a bin."""

    joined: int
    ambiguous: int
    brier: float
    brier_climatology: float
    bins: list[tuple[float, float, int]]


@dataclass(frozen=True)
class Report:
    """All findings."""

    reference: str
    rows: int
    malformed: int
    models: dict[str, int]
    features: list[Shift]
    probability: Shift | None
    rain_share_then: float
    rain_share_now: float
    calibration: Calibration | None
    drifted: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """For machines."""
        return json.dumps(asdict(self), indent=1)


def read_log(paths: Sequence[Path]) -> Log:
    """The lines of log files, or of all ``data*`` files below folders; bad lines are counted.

    Raises:
        BadData: there is no file, one can't be read, or fewer than LEAST_ROWS lines are good.
    """
    files: list[Path] = []
    for path in paths:
        files += sorted(p for p in path.rglob("data*") if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise BadData("there is no log file (data*) in the folder that was given")
    good: list[dict[str, object]] = []
    malformed = 0
    for file in files:
        try:
            lines = file.read_bytes().splitlines()
        except OSError as error:
            raise BadData(f"{file} can't be read: {error}") from error
        for line in lines:
            try:
                good.append(_record(line))
            except (ValueError, KeyError, TypeError):
                malformed += 1
    if len(good) < LEAST_ROWS:
        raise BadData(
            f"{len(good)} good and {malformed} malformed lines: at least {LEAST_ROWS} good are needed"
        )
    return Log(pd.DataFrame(good), malformed)


def _record(line: bytes) -> dict[str, object]:
    raw = json.loads(line)
    found: dict[str, object] = {}
    for name, (low, high) in LIMITS.items():
        found[name] = value = float(raw[name])
        if not low <= value <= high:
            raise ValueError(name)
    found["probability"] = chance = np.nan if raw["probability"] is None else float(raw["probability"])
    if raw["prediction"] not in LABELS or chance < 0 or chance > 1:
        raise ValueError("prediction")
    found["rain"] = raw["prediction"] == POSITIVE
    found["time"] = pd.to_datetime(raw["timestamp"], utc=True)
    found["model"] = str(raw["model"])
    return found


def boundaries(then: Floats) -> Floats:
    """Where distributions are compared: above each value of ``then``, half-way to the next.

    Not at the values themselves: stations, logs and clients round, and with visibility at its cap, 16.09
    instead of 16.09344 moved five sixths of the distribution across a boundary.
    """
    values = np.unique(then)
    gaps = np.diff(values) if len(values) > 1 else np.ones(1)
    return values + np.append(gaps, gaps[-1])[: len(values)] / 2


def psi(then: Floats, now: Floats) -> float:
    """Population stability index, sum over bins of (b - a) ln(b / a): Siddiqi, *Credit Risk Scorecards*
    (2006); it is the symmetrised divergence of Kullback and Leibler (1951).

    ``a`` and ``b`` are a bin's shares then and now, FLOOR at least. The bins are divided at the deciles
    of ``then``, each once: a value that many rows share (no rain, visibility at its cap) ends a bin.
    """
    deciles = np.quantile(then, np.arange(1, 10) / 10, method="inverted_cdf")
    edges = np.unique(boundaries(then)[np.searchsorted(np.unique(then), deciles)])
    a, b = (
        np.maximum(np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) / len(values), FLOOR)
        for values in (then, now)
    )
    return float(((b - a) * np.log(b / a)).sum())


def kolmogorov_smirnov(then: Floats, now: Floats) -> tuple[float, float]:
    """Two-sample D = max |F_then - F_now| at ``boundaries``, and its asymptotic p-value (Smirnov 1948),
    which is too large, never too small, where many rows share a value.
    """
    edges = boundaries(then)
    f, g = (np.searchsorted(np.sort(values), edges) / len(values) for values in (then, now))
    d = float(np.abs(f - g).max())
    rows = len(then) * len(now) / (len(then) + len(now))
    return d, float(kstwobign.sf(d * np.sqrt(rows)))


def shift(name: str, then: Floats, now: Floats) -> Shift:
    """Both measures of one quantity."""
    d, p = kolmogorov_smirnov(then, now)
    return Shift(name, psi(then, now), d, p, float(then.mean()), float(now.mean()))


def calibrate(log: Log, outcomes: Path) -> Calibration:
    """Join what came: a CSV with ``rain`` (0 or 1) and the columns that say of which row.

    Those are ``hour`` (UTC), when the log is of one place, or any of the features, or both. Rows of the
    file that share their keys and differ in ``rain`` are left out and counted. Brier score: mean of
    (p - o)^2 (Brier 1950, halved as is usual); climatology forecasts the frequency of rain here.

    Raises:
        BadData: the file can't be read or used, or nothing joins.
    """
    try:
        came = pd.read_csv(outcomes)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadData(f"{outcomes} can't be read as CSV: {error}") from error
    keys = [name for name in ("hour", *FEATURES) if name in came.columns]
    if "rain" not in came.columns or not keys or not came["rain"].isin([0, 1]).all():
        raise BadData(f"{outcomes} needs a column rain of 0 and 1, and hour or features to join by")
    mine = log.table.drop(columns="rain").assign(hour=log.table["time"].dt.floor("h"))
    try:
        if "hour" in keys:
            came["hour"] = pd.to_datetime(came["hour"], utc=True).dt.floor("h")
        for name in keys:
            if name != "hour":  # other tools write fewer digits
                came[name] = came[name].astype(float).round(3)
                mine[name] = mine[name].round(3)
    except (ValueError, TypeError) as error:
        raise BadData(f"{outcomes}: {error}") from error
    kinds = came.groupby(keys)["rain"].transform("nunique")
    both = mine.merge(came[kinds == 1].drop_duplicates(keys)[[*keys, "rain"]], on=keys)
    both = both[both["probability"].notna()]
    if both.empty:
        raise BadData(f"no logged probability joins {outcomes} by {', '.join(keys)}")
    p = np.asarray(both["probability"], np.float64)
    y = np.asarray(both["rain"] == 1, np.bool_)
    return Calibration(
        joined=len(both),
        ambiguous=int((kinds > 1).sum()),
        brier=float(((p - y) ** 2).mean()),
        brier_climatology=float(y.mean() * (1 - y.mean())),
        bins=[(float(f), float(o), int(n)) for f, o, n in reliability(p, y)],
    )


def compare(
    reference: str,
    then: Floats,
    chances: Floats | None,
    rain: NDArray[np.bool_],
    log: Log,
    outcomes: Path | None,
) -> Report:
    """All findings; ``then`` is float64[n, 7], ``chances`` and ``rain`` the model's forecasts then."""
    features = [shift(name, then[:, i], log.x[:, i]) for i, name in enumerate(FEATURES)]
    now = np.asarray(log.table["probability"].dropna(), np.float64)
    probability = None
    if chances is not None and len(now):
        probability = shift("probability", chances, now)
    return Report(
        reference=reference,
        rows=len(log.table),
        malformed=log.malformed,
        models={str(name): int(n) for name, n in log.table["model"].value_counts().items()},
        features=features,
        probability=probability,
        rain_share_then=float(rain.mean()),
        rain_share_now=float(log.table["rain"].mean()),
        calibration=calibrate(log, outcomes) if outcomes else None,
        drifted=[s.name for s in (*features, *([probability] if probability else [])) if s.drifted],
    )


def beside_training(
    artifacts: Artifacts,
    observed: Observations,
    logs: Sequence[Path],
    outcomes: Path | None,
    out: Path | None,
) -> Report:
    """Logged forecasts beside the training data; a report is written to ``out``, if given.

    Features are compared with the hours that the model was made from, forecasts with its forecasts
    of the test fold: on the hours that it has seen it is surer of itself.

    Raises:
        BadArtifact: the artifacts have no manifest.
        BadData: the data is not the model's, or the log is unusable.
    """
    known = artifacts.manifest
    if known is None:
        raise BadArtifact("the artifacts have no manifest, so their training data is unknown")
    if observed.digest != known.data["sha256"]:
        raise BadData(f"{observed.name} is not the data of this model (SHA-256): give --data")
    samples = samples_of(observed, known.horizon_hours)
    seen = samples.where(samples.fold != known.split["test_fold"])
    unseen = samples.where(samples.fold == known.split["test_fold"])
    rain, probability = Classifier(compile_pair(artifacts).model)(unseen.x)
    chances = None if probability is None else probability.astype(np.float64)
    log = read_log(logs)
    name = f"{len(seen):,} hours of training: {observed.name}"
    report = compare(name, seen.x, chances, rain, log, outcomes)
    if out:
        write(out, report, seen.x, chances, log)
    return report


def write(path: Path, report: Report, then: Floats, chances: Floats | None, log: Log) -> None:
    """The report as Markdown, its pictures as PNG beside it."""
    picture = path.with_name(f"{path.stem}-distributions.png")
    _distributions(picture, then, chances, log)
    drifted = ", ".join(report.drifted) or "none"
    rows = [
        f"| {s.name} | {s.psi:.3f} | {s.ks:.3f} | {s.p:.1e} | {s.mean_then:.4g} | {s.mean_now:.4g} "
        f"| {'**yes**' if s.drifted else 'no'} |"
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
        found = report.calibration
        diagram = path.with_name(f"{path.stem}-reliability.png")
        _reliability(diagram, found)
        bins = "\n".join(f"| {f:.3f} | {o:.3f} | {n:,} |" for f, o, n in found.bins)
        text += f"""
## Calibration

{found.joined:,} forecasts with their outcome ({found.ambiguous:,} outcomes left out as ambiguous): Brier
score {found.brier:.4f}, of their rain frequency {found.brier_climatology:.4f}; less is better.

| forecast | rain came | rows |
|---|---|---|
{bins}

![Reliability]({diagram.name})
"""
    path.write_text(text)


def _distributions(path: Path, then: Floats, chances: Floats | None, log: Log) -> None:
    pairs = [(name, then[:, i], log.x[:, i]) for i, name in enumerate(FEATURES)]
    now = np.asarray(log.table["probability"].dropna(), np.float64)
    if chances is not None and len(now):
        pairs.append(("probability", chances, now))
    figure, axes = plt.subplots(2, 4, figsize=(14, 6))
    for axis, (name, a, b) in zip(axes.flat, pairs, strict=False):
        edges = np.histogram_bin_edges(np.concatenate([a, b]), 30)
        for values, label in ((a, "then"), (b, "now")):
            axis.hist(values, edges, weights=np.full(len(values), 1 / len(values)), alpha=0.5, label=label)
        axis.set(title=name)
    axes.flat[0].legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _reliability(path: Path, found: Calibration) -> None:
    figure, axis = plt.subplots(figsize=(4.5, 4.5))
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axis.plot([f for f, _, _ in found.bins], [o for _, o, _ in found.bins], "o-")
    axis.set(xlabel="forecast probability", ylabel="observed frequency", xlim=(0, 1), ylim=(0, 1))
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
