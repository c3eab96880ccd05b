"""The scores are those of the forecast service's own verification."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sqlalchemy import Connection, insert

from stations.contract import FEATURES, RAIN
from stations.reports import HOUR
from stations.store.tables import forecasts
from stations.verification import sums
from stations.verification.live import everything, one
from stations.verification.scores import SCORES, intervals, scores
from weather.training.verification import Reference, Verification

START = 1_370_563_200  # 7 June 2013
FAR = START + 10_000 * HOUR


def made(days: int = 12, stations: str = "ABC", calibrated: bool = True) -> list[dict[str, object]]:
    dice = random.Random(3)
    rows: list[dict[str, object]] = []
    for station in stations:
        for n in range(24 * days):
            now = dice.random() < 0.2
            p = min(1.0, max(0.0, (0.7 if now else 0.1) + dice.uniform(-0.1, 0.35)))
            rows.append(
                {
                    "station": station,
                    "hour": START + n * HOUR,
                    **dict.fromkeys(FEATURES, 1.0),
                    RAIN: float(now),
                    "assumed": [],
                    "notes": [],
                    "rain": p > 0.5,
                    "probability": p if calibrated else None,
                    "horizon_hours": 4,
                    "model": "m",
                    "request_id": "r",
                    "issued": START,
                    "rained": dice.random() < p,
                }
            )
    return rows


def reference(rows: list[dict[str, object]]) -> Verification:
    now, y = (np.array([bool(row[name]) for row in rows]) for name in (RAIN, "rained"))
    costless = Reference.of(now, y)
    return Verification(
        y=y,
        decision=np.array([bool(row["rain"]) for row in rows]),
        probability=np.array([row["probability"] for row in rows], np.float64),
        climatology=np.full(len(rows), costless.climatology),
        persistence=costless.persistence(now),
        day=np.array([row["hour"] for row in rows], "datetime64[s]").astype("datetime64[D]"),
    )


def test_they_are_those_of_evaluate(connection: Connection) -> None:
    rows = made()
    connection.execute(insert(forecasts), rows)
    found = sums.read(connection, FAR)
    for part, theirs in (
        (found, reference(rows)),
        (found.of("B"), reference([row for row in rows if row["station"] == "B"])),
    ):
        expected = theirs.scores()
        assert scores(part) == pytest.approx({name: expected[name] for name in SCORES}, abs=1e-12)
    expected_intervals = reference(rows).intervals()
    ours = intervals(found)
    assert ours is not None
    for name in SCORES:
        assert ours[name] == pytest.approx(expected_intervals[name], abs=1e-9)


def test_there_are_no_intervals_of_a_day_or_two(connection: Connection) -> None:
    connection.execute(insert(forecasts), made(days=2))
    found = sums.read(connection, FAR)
    assert intervals(found) is None
    assert scores(found)["bss_persistence"] is not None


def test_undefined_scores_are_none(connection: Connection) -> None:
    empty = sums.read(connection, FAR)
    assert scores(empty) == dict.fromkeys(SCORES)
    assert intervals(empty) is None
    dry = [{**row, RAIN: 0.0, "rained": False, "rain": False} for row in made(days=1, stations="A")]
    connection.execute(insert(forecasts), dry)
    found = scores(sums.read(connection, FAR))
    assert found["pod"] is None
    assert found["bss_persistence"] is None
    assert found["brier"] is not None


def test_without_probabilities_there_is_no_brier_score(connection: Connection) -> None:
    rows = made(calibrated=False)
    connection.execute(insert(forecasts), rows)
    found = scores(sums.read(connection, FAR))
    assert found["brier"] is None
    assert found["bss_persistence"] is None
    assert found["hss"] == pytest.approx(reference(rows).scores()["hss"])


def test_only_forecasts_whose_horizon_is_over_count(connection: Connection) -> None:
    rows = made(days=1, stations="A")
    connection.execute(insert(forecasts), rows)
    noon = START + 12 * HOUR
    assert sums.read(connection, noon).values[:, 0].sum() == 9  # 0 … 8 h
    assert sums.read(connection, FAR, since=noon).values[:, 0].sum() == 12


def test_unverified_forecasts_promise_a_brier_score(connection: Connection) -> None:
    rows = [{**row, "rained": None} for row in made(days=1, stations="A")]
    connection.execute(insert(forecasts), rows)
    p = np.array([row["probability"] for row in rows], np.float64)
    told = one(connection, FAR, "A")["not_yet_verified"]
    assert told == {
        "hours": 24,
        "estimate": True,
        "brier": pytest.approx((p * (1 - p)).mean()),
        "rain_frequency": pytest.approx(p.mean()),
    }


def test_reliability_counts_every_forecast_once(connection: Connection) -> None:
    rows = made() + [{**row, "station": "D", "probability": 1.0, "rained": True} for row in made(1, "A")]
    connection.execute(insert(forecasts), rows)
    table = everything(connection, FAR)["all"]["reliability"]
    assert sum(line["hours"] for line in table) == len(rows)
    p, y = (np.array([row[name] for row in rows], np.float64) for name in ("probability", "rained"))
    places = np.minimum(np.floor(p * 10), 9)
    for line, place in zip(table, np.unique(places), strict=True):
        inside = places == place
        assert line == pytest.approx(
            {"forecast": p[inside].mean(), "observed": y[inside].mean(), "hours": inside.sum()}
        )
