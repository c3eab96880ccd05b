"""What counts as a fault of a replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.reports.test_logs import LINE, lines
from weather.reports.logs import read_log
from weather.reports.replay import Pace, Replayed
from weather.reports.replay_report import find, text

MODEL = str(LINE["model"])


def replayed(
    folder: Path, answers: list[tuple[float, bool]], model: str = MODEL, refused: str = ""
) -> Replayed:
    """The answers now, to rows that were all answered with 0.25 and No_Rain."""
    (folder / "data.log").write_text(lines(len(answers)))
    table = read_log([folder], [], min_rows=1).table
    probability, rain = zip(*answers, strict=True)
    return Replayed(
        table.assign(new_probability=probability, new_rain=rain, new_model=model, refused=refused)
    )


@pytest.mark.parametrize(
    ("answer", "faults", "ties"),
    [
        ((0.25, False), 0, 0),
        ((0.250001, False), 0, 0),
        ((0.250002, False), 1, 0),
        ((0.250001, True), 0, 1),
        ((0.25, True), 1, 0),
        ((0.250002, True), 1, 0),
        ((np.nan, False), 1, 0),
        ((np.nan, True), 1, 0),
    ],
)
def test_a_fault_is_a_difference_beyond_the_tolerance(
    answer: tuple[float, bool], faults: int, ties: int, tmp_path: Path
) -> None:
    findings = find(replayed(tmp_path, [(0.25, False), answer]), 1e-6)
    (group,) = findings.groups
    assert (findings.faults, group.beyond, group.ties) == (faults, faults, ties)
    assert len(findings.worst) == faults


def test_another_model_may_answer_otherwise_but_must_answer(tmp_path: Path) -> None:
    answers = [(0.25, False), (0.75, True)]
    findings = find(replayed(tmp_path, answers, "weather-classifier:new"), 1e-6)
    assert findings.faults == 0
    (group,) = findings.groups
    assert (group.beyond, group.same_prediction, group.largest_difference) == (1, 0.5, 0.5)
    refused = find(replayed(tmp_path, answers, "weather-classifier:new", "400: humidity"), 1e-6)
    assert (refused.faults, refused.refused, refused.groups) == (2, {"400: humidity": 2}, [])
    assert "2 rows refused with 400: humidity" in text(refused)


def test_the_worst_rows_are_those_whose_prediction_turned_then_the_largest_differences(
    tmp_path: Path,
) -> None:
    findings = find(replayed(tmp_path, [(0.3, False), (0.26, True), (0.9, False), (0.25, False)]), 1e-6)
    assert [row["now"]["probability"] for row in findings.worst] == [0.26, 0.9, 0.3]
    assert findings.worst[0]["now"]["prediction"] == "Rain"


def test_rows_are_due_at_a_rate_or_at_the_pace_of_the_log() -> None:
    times = pd.Series(pd.to_datetime(["2026-01-01T00:00Z", "2026-01-01T00:10Z", "2026-01-01T01:00Z"]))
    assert Pace(4.0, 1.0).seconds(times) == [0, 0.25, 0.5]
    assert Pace(None, 60.0).seconds(times) == [0, 10, 60]
