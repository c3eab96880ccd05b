"""What a replay says: faults of the model that was logged, agreement with another one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from weather.contract.variables import FEATURES, LABELS
from weather.reports.replay import Replayed
from weather.training.card.tables import markdown
from weather.training.words import counted, share

WORST = 10
"""Rows that are shown."""


@dataclass(frozen=True)
class Group:
    """Rows that one model answered when they were logged and one, the same or another, now.

    ``beyond`` is the number of rows whose probabilities differ by more than the tolerance, or whose
    predictions differ. Not of ``ties``: rows on the threshold, whose predictions differ because their
    probabilities do, but within the tolerance. The differences are None without probabilities.
    """

    logged: str
    now: str
    rows: int
    beyond: int
    ties: int
    same_prediction: float
    mean_difference: float | None
    largest_difference: float | None

    @property
    def same(self) -> bool:
        """Whether the model is the one that was logged."""
        return self.logged == self.now


@dataclass(frozen=True)
class Findings:
    """``faults``: rows that the same model answered otherwise, and rows that were answered then and refused
    now. ``worst`` has the rows that differ most, by the largest difference of probability.
    """

    rows: int
    faults: int
    refused: dict[str, int]
    groups: list[Group]
    worst: list[dict[str, Any]]
    retries: int
    seconds: float
    late_seconds: float


def find(replayed: Replayed, tolerance: float) -> Findings:
    """Compare the answers of a replay with those logged."""
    table = replayed.table
    answered = table[table["refused"] == ""]
    then, now = answered["probability"], answered["new_probability"]
    turned = answered["rain"] != answered["new_rain"]
    # Nine digits: the difference of two numbers of six digits is not a multiple of 1e-6 in binary.
    apart = (now - then).abs().round(9)
    ties = turned & (apart > 0) & (apart <= tolerance)
    beyond = (turned & ~ties) | (apart > tolerance) | (then.isna() != now.isna())
    compared = answered.assign(apart=apart, beyond=beyond, turned=turned, ties=ties)
    groups = [
        _group(str(logged), str(new), rows)
        for (logged, new), rows in compared.groupby(["model", "new_model"], sort=True)
    ]
    refused = table["refused"][table["refused"] != ""].value_counts()
    faults = len(table) - len(answered) + sum(group.beyond for group in groups if group.same)
    worst = compared[compared["beyond"]].sort_values(
        ["turned", "apart"], ascending=False, na_position="first", kind="stable"
    )
    return Findings(
        rows=len(table),
        faults=faults,
        refused={str(reason): int(n) for reason, n in refused.items()},
        groups=groups,
        worst=[_row(row) for _, row in worst.head(WORST).iterrows()],
        retries=replayed.retries,
        seconds=replayed.seconds,
        late_seconds=replayed.late_seconds,
    )


def _group(logged: str, now: str, rows: pd.DataFrame) -> Group:
    apart = rows["apart"].dropna()
    return Group(
        logged,
        now,
        len(rows),
        int(rows["beyond"].sum()),
        int(rows["ties"].sum()),
        float((~rows["turned"]).mean()),
        float(apart.mean()) if len(apart) else None,
        float(apart.max()) if len(apart) else None,
    )


def _row(row: pd.Series[Any]) -> dict[str, Any]:
    observation = {name: _number(row[name]) for name in FEATURES}
    return {
        "time": row["time"].isoformat(),
        "observation": observation,
        "logged": _answer(row["model"], row["probability"], row["rain"]),
        "now": _answer(row["new_model"], row["new_probability"], row["new_rain"]),
    }


def _answer(model: str, probability: float, rain: bool) -> dict[str, Any]:
    return {"model": model, "probability": _number(probability), "prediction": LABELS[bool(rain)]}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def as_json(findings: Findings) -> dict[str, Any]:
    """For machines."""
    return asdict(findings)


def text(findings: Findings) -> str:
    """For people, as Markdown."""
    parts = [
        f"{counted(findings.rows, 'row')} in {findings.seconds:.1f} s, "
        f"{counted(findings.faults, 'fault')}; {findings.retries:,} sent again",
        markdown(
            [
                "logged",
                "now",
                "rows",
                "same prediction",
                "mean difference",
                "largest",
                "ties",
                "beyond tolerance",
            ],
            [
                [
                    group.logged,
                    "the same" if group.same else group.now,
                    f"{group.rows:,}",
                    share(group.same_prediction),
                    _or_dash(group.mean_difference),
                    _or_dash(group.largest_difference),
                    f"{group.ties:,}",
                    f"{group.beyond:,}",
                ]
                for group in findings.groups
            ],
        ),
    ]
    parts += [f"{counted(n, 'row')} refused with {reason}" for reason, n in findings.refused.items()]
    if findings.worst:
        parts.append(
            markdown(
                ["logged at", *FEATURES, "then", "now"],
                [
                    [
                        row["time"],
                        *("" if value is None else f"{value:g}" for value in row["observation"].values()),
                        _forecast(row["logged"]),
                        _forecast(row["now"]),
                    ]
                    for row in findings.worst
                ],
            )
        )
    return "\n\n".join(parts)


def _forecast(answer: dict[str, Any]) -> str:
    return f"{answer['prediction']} {_or_dash(answer['probability'])}"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.6f}"
