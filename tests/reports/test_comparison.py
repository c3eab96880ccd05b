"""Two models on the hours of a log: what is compared with what, and what is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loadtest.stations import OBSERVATIONS
from tests.fixtures import pair
from tests.reports.test_logs import LINE, lines
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read
from weather.model.classifier import Classifier
from weather.reports.comparison import agreement, as_json, computed_answers, judge, logged_answers
from weather.reports.comparison_report import report
from weather.reports.logs import Log, read_log
from weather.training.observations import BadData

CHALLENGED = {
    "challenger_model": "weather-classifier:new",
    "challenger_probability": 0.5,
    "challenger_prediction": "Rain",
}


def log_of(folder: Path, *texts: str, optional: Sequence[str] = ()) -> Log:
    (folder / "data.log").write_text("".join(texts))
    return read_log([folder], optional, min_rows=1)


def test_only_lines_that_both_answered_are_compared(tmp_path: Path) -> None:
    nothing = dict.fromkeys(CHALLENGED)
    log = log_of(
        tmp_path,
        lines(30),
        lines(20, **nothing),
        lines(15, **{**nothing, "challenger_model": "weather-classifier:new"}),
        lines(10, **CHALLENGED),
        lines(5, **CHALLENGED, probability=None),
        lines(3, **{**CHALLENGED, "challenger_prediction": "Sun"}),
    )
    assert log.malformed == 3
    answers = logged_answers(log)
    assert (answers.served, answers.challenger) == (LINE["model"], CHALLENGED["challenger_model"])
    assert answers.left_out == ["65 lines without a challenger's answer"]
    agreed = agreement(answers)
    assert (agreed.rows, agreed.same_prediction) == (15, 0)
    assert agreed.mean_difference == agreed.largest_difference == 0.25


def test_the_newest_of_several_pairs_of_models_is_judged_and_the_rest_is_said(tmp_path: Path) -> None:
    later = "2026-02-01T05:30:00+00:00"
    log = log_of(
        tmp_path,
        lines(7, **CHALLENGED, timestamp=later, model="weather-classifier:second"),
        lines(30, **CHALLENGED),
        lines(4, **{**CHALLENGED, "challenger_model": "weather-classifier:old"}),
    )
    answers = logged_answers(log)
    assert (answers.served, len(answers.table)) == ("weather-classifier:second", 7)
    assert answers.left_out == ["34 lines of other models"]


def test_a_log_without_a_challenger_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        BadData, match="none of 30 lines has a challenger's answer: serve with WEATHER_CHALLENGER"
    ):
        logged_answers(log_of(tmp_path, lines(30)))


def two_weeks(folder: Path, better: float) -> tuple[Log, Path]:
    """Sixteen days of hours, of which every eighth is wet, and a challenger that moves ``better`` of the way
    towards what comes."""
    records, came = [], []
    for hour in range(16 * 24):
        time = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=hour)
        rain = hour % 8 == 0
        chance = 0.4 if rain else 0.3
        moved = chance + better * (float(rain) - chance)
        records.append(
            json.dumps(
                {
                    **LINE,
                    "temp_c": float(hour % 40),
                    "probability": chance,
                    "timestamp": time.isoformat(),
                    "challenger_model": "weather-classifier:new",
                    "challenger_probability": moved,
                    "challenger_prediction": "Rain" if moved > 0.35 else "No_Rain",
                }
            )
        )
        came.append((time.isoformat(), int(rain)))
    file = folder / "came.csv"
    pd.DataFrame(came, columns=["hour", "rain"]).to_csv(file, index=False)
    return log_of(folder, "\n".join(records)), file


@pytest.mark.parametrize(("better", "word"), [(0.5, "promote"), (-0.3, "keep"), (0.0, "keep")])
def test_the_paired_verdict_follows_what_came(better: float, word: str, tmp_path: Path) -> None:
    log, came = two_weeks(tmp_path, better)
    answers = logged_answers(log)
    judged = judge(answers, came, 4)
    assert judged.verdict.word == word
    assert judged.days == 16
    brier = (7 * 0.3**2 + 0.6**2) / 8
    assert judged.served.scores()["brier"] == pytest.approx(brier)
    assert judged.brier_gain.value == pytest.approx(brier * (1 - (1 - better) ** 2))
    assert judged.margin == pytest.approx(0.01 * brier)
    found = json.loads(json.dumps(as_json(answers, agreement(answers), judged)))
    assert found["verdict"] == word
    assert found["gain"]["brier"]["value"] == pytest.approx(judged.brier_gain.value)
    assert len(found["reliability"]["served"]) == len(found["reliability"]["challenger"]) == 10
    text = report(answers, agreement(answers), judged)
    assert judged.verdict.sentence[1:40] in " ".join(text.split())
    assert "| challenger | " in text
    assert "384 hours with an outcome" in text


def test_models_without_probabilities_are_judged_by_their_decisions(tmp_path: Path) -> None:
    log, came = two_weeks(tmp_path, 0.5)
    log.table["challenger_probability"] = np.nan
    judged = judge(logged_answers(log), came, 4)
    assert not judged.brier_gain.defined
    assert judged.reliability["challenger"] == []
    assert "in HSS" in judged.verdict.sentence
    assert as_json(logged_answers(log), agreement(logged_answers(log)), judged)["gain"]["brier"] is None


def test_without_outcomes_the_report_says_that_they_are_needed(tmp_path: Path) -> None:
    answers = logged_answers(two_weeks(tmp_path, 0.5)[0])
    text = report(answers, agreement(answers), None)
    assert "No verdict without outcomes" in text
    assert "differ by" in text
    assert as_json(answers, agreement(answers), None)["verdict"] is None


def test_models_of_the_store_answer_what_was_logged(tmp_path: Path) -> None:
    """Against the independent float64 model of the fixture."""
    sides = []
    for number, constants in enumerate((pair.PAIR, pair.VARIANT)):
        files = pair.write(tmp_path / str(number), constants)
        sides.append((f"weather-classifier:{number}", Classifier(compile_pair(read(*files)).model)))
    rows = OBSERVATIONS[:50]
    texts = [lines(1, **row) for row in rows]
    log = log_of(tmp_path, *texts, lines(2, visibility_km=None), optional=["visibility_km"])
    answers = computed_answers(log, sides[0], sides[1], ())
    assert answers.left_out == ["2 lines without a value that one of the models needs"]
    for column, constants in (("probability", pair.PAIR), ("challenger_probability", pair.VARIANT)):
        expected = [pair.probability(row, constants) for row in rows]
        np.testing.assert_allclose(answers.table[column], expected, atol=2e-6)
    gone = log_of(tmp_path, lines(3, visibility_km=None), optional=["visibility_km"])
    with pytest.raises(BadData, match="every line lacks a value"):
        computed_answers(gone, sides[0], sides[1], ())
