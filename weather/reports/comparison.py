"""Two models on the same hours: how far they agree, and which of them was right more often."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.model.classifier import Classifier
from weather.reports.logs import Log
from weather.reports.outcomes import join
from weather.reports.verdict import BRIER_MARGIN, Difference, Verdict, decide
from weather.training.observations import RAIN_NOW, BadData
from weather.training.verification import Reference, Verification, calibration_error, reliability
from weather.training.words import counted

Floats = NDArray[np.float64]
Bin = tuple[float, float, int]

NO_OUTCOMES = "no verdict without outcomes: give --outcomes, a CSV of outcomes or the stations' export"


@dataclass(frozen=True)
class Answers:
    """Hours that both models answered, columns as in ``logs.Log``; ``left_out`` has sentences on the rest."""

    served: str
    challenger: str
    table: pd.DataFrame
    left_out: list[str]


@dataclass(frozen=True)
class Agreement:
    """How far the forecasts of ``rows`` hours agree; the differences are None without probabilities."""

    rows: int
    same_prediction: float
    mean_difference: float | None
    largest_difference: float | None


@dataclass(frozen=True)
class Judged:
    """Both models on the hours with a known outcome, and the verdict; gains are positive where the challenger
    is better. Reliability is as in ``verification.reliability``, empty without probabilities.
    """

    served: Verification
    challenger: Verification
    days: int
    ambiguous: int
    brier_gain: Difference
    hss_gain: Difference
    margin: float
    reliability: dict[str, list[Bin]]
    verdict: Verdict

    @property
    def loss(self) -> str | None:
        """In which score the challenger is worse: its interval is below 0. None if in neither."""
        worse = [
            f"its gain in {name} is {gain}"
            for name, gain in (("Brier score", self.brier_gain), ("HSS", self.hss_gain))
            if gain.defined and gain.high < 0
        ]
        return " and ".join(worse) or None


def logged_answers(log: Log) -> Answers:
    """The hours that a log has both answers for, of the pair of models in its newest such line.

    Raises:
        BadData: no line has a challenger's answer.
    """
    both = log.table[log.table["challenger"] != ""]
    if both.empty:
        raise BadData(
            f"none of {counted(len(log.table), 'line')} has a challenger's answer: serve with "
            "WEATHER_CHALLENGER set, or name one in the model store with --challenger"
        )
    newest = both.loc[both["time"].idxmax()]
    mine = both[(both["model"] == newest["model"]) & (both["challenger"] == newest["challenger"])]
    out = {
        "without a challenger's answer": len(log.table) - len(both),
        "of other models": len(both) - len(mine),
    }
    left_out = [f"{counted(rows, 'line')} {reason}" for reason, rows in out.items() if rows]
    return Answers(str(newest["model"]), str(newest["challenger"]), mine, left_out)


def computed_answers(
    log: Log, served: tuple[str, Classifier], challenger: tuple[str, Classifier], optional: Collection[str]
) -> Answers:
    """What two models, by their tags, say to the observations of a log, whoever answered them then.

    Both can do without the features of ``optional``; lines without another one are left out.

    Raises:
        BadData: no line is left.
    """
    needed = [name for name in FEATURES if name not in optional]
    complete = log.table[needed].notna().all(axis=1)
    table, out = log.table[complete], int((~complete).sum())
    if table.empty:
        raise BadData("every line lacks a value that one of the models can't do without")
    x = np.asarray(table[list(FEATURES)], np.float64)
    columns: dict[str, Any] = {}
    for prefix, (_, classifier) in (("", served), ("challenger_", challenger)):
        decision, probability = classifier.decide(x)
        columns[f"{prefix}rain"] = np.array(decision, np.bool_)
        columns[f"{prefix}probability"] = np.array(probability, np.float64)  # None becomes NaN
    left_out = [f"{counted(out, 'line')} without a value that one of the models needs"] if out else []
    return Answers(served[0], challenger[0], table.assign(**columns), left_out)


def agreement(answers: Answers) -> Agreement:
    """How far both answers agree."""
    table = answers.table
    apart = (table["challenger_probability"] - table["probability"]).abs().dropna()
    return Agreement(
        rows=len(table),
        same_prediction=float((table["rain"] == table["challenger_rain"]).mean()),
        mean_difference=float(apart.mean()) if len(apart) else None,
        largest_difference=float(apart.max()) if len(apart) else None,
    )


def judge(answers: Answers, outcomes: Path, horizon: int | None) -> Judged:
    """Both models beside the outcomes.

    Raises:
        BadData: the outcomes can't be read or used, or none joins.
    """
    joined = join(answers.table, outcomes, horizon)
    table = joined.table
    y = table["outcome"].to_numpy(np.bool_)
    rain_now = table[RAIN_NOW].to_numpy(np.float64) > 0.5
    known = Reference.of(rain_now, y)
    day = table["day"].to_numpy("datetime64[D]")

    def verified(prefix: str) -> Verification:
        return Verification(
            y,
            table[f"{prefix}rain"].to_numpy(np.bool_),
            table[f"{prefix}probability"].to_numpy(np.float64),
            np.full(len(y), known.climatology),
            known.persistence(rain_now),
            day,
        )

    served, challenger = verified(""), verified("challenger_")
    brier = Difference.of(served.gain(challenger, "brier"))  # less is better
    hss = Difference.of(challenger.gain(served, "hss"))
    margin = BRIER_MARGIN * served.scores()["brier"]
    days = len(np.unique(day))
    return Judged(
        served,
        challenger,
        days,
        joined.ambiguous,
        brier,
        hss,
        margin,
        {"served": _bins(served), "challenger": _bins(challenger)},
        decide(brier, hss, margin, days, int(y.sum()), int((~y).sum())),
    )


def as_json(answers: Answers, agreed: Agreement, judged: Judged | None) -> dict[str, Any]:
    """All figures for machines; null where a score is undefined."""
    facts: dict[str, Any] = {
        "served": answers.served,
        "challenger": answers.challenger,
        "agreement": asdict(agreed),
        "left_out": answers.left_out,
        "verdict": None,
        "sentence": NO_OUTCOMES,
    }
    if judged is None:
        return facts
    return facts | {
        "verdict": judged.verdict.word,
        "more_days": judged.verdict.more_days,
        "sentence": judged.verdict.sentence,
        "hours": len(judged.served.y),
        "days": judged.days,
        "ambiguous": judged.ambiguous,
        "gain": {
            name: asdict(gain) if gain.defined else None
            for name, gain in (("brier", judged.brier_gain), ("hss", judged.hss_gain))
        },
        "calibration_error": {
            name: calibration_error(side.probability, side.y) if judged.reliability[name] else None
            for name, side in (("served", judged.served), ("challenger", judged.challenger))
        },
        "reliability": judged.reliability,
    }


def _bins(verified: Verification) -> list[Bin]:
    if np.isnan(verified.probability).any():
        return []
    return reliability(verified.probability, verified.y)
