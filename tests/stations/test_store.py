"""What the database makes of reports and forecasts, on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, func, inspect, select

from stations.contract import FEATURES, RAIN
from stations.reports import HOUR, Report
from stations.store import queue, reading
from stations.store.database import migrate
from stations.store.retention import delete_old
from stations.store.tables import forecasts, hours, metadata, reports
from stations.store.writing import dequeue, write_forecasts, write_reports

NOON = 1_370_606_400  # a full hour


def report(minutes: float, station: str = "A", correction: bool = False, **values: float) -> Report:
    return Report(station, int(NOON + 60 * minutes), "test", values, (), correction)


def rain(value: float) -> dict[str, Any]:
    return {RAIN: float(value)}


def humid(value: float | None) -> dict[str, Any]:
    return {} if value is None else {"humidity": value}


def hour_rows(connection: Connection) -> dict[tuple[str, int], dict[str, Any]]:
    rows = connection.execute(select(hours)).mappings()
    return {(row["station"], (row["hour"] - NOON) // HOUR): dict(row) for row in rows}


def forecast(hour: int, station: str = "A", horizon: int | None = 4, **more: Any) -> dict[str, Any]:
    return {
        "station": station,
        "hour": NOON + hour * HOUR,
        **dict.fromkeys(FEATURES, 1.0),
        "assumed": [],
        "notes": [],
        "rain": False,
        "probability": 0.25,
        "horizon_hours": horizon,
        "model": "m:1",
        "request_id": "r",
        "issued": NOON,
        "rained": None,
        **more,
    }


def store_forecasts(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    write_forecasts(connection, rows, {(row["station"], row["hour"]): 1 for row in rows})


def verdicts(connection: Connection) -> dict[int, bool | None]:
    rows = connection.execute(select(forecasts.c.hour, forecasts.c.rained).order_by(forecasts.c.hour))
    return {(hour - NOON) // HOUR: rained for hour, rained in rows}


def test_the_migrations_make_the_tables_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    migrate(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(engine)
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())


def test_a_report_sent_again_is_one_report(connection: Connection) -> None:
    assert write_reports(connection, [report(-9, temp_c=10)], NOON) == ["stored"]
    assert write_reports(connection, [report(-9, temp_c=10)], NOON) == ["repeated"]
    assert write_reports(connection, [report(-9, temp_c=11)], NOON) == ["conflicting"]
    assert connection.scalar(select(func.count()).select_from(reports)) == 1
    assert hour_rows(connection)["A", 0]["temp_c"] == 10
    assert hour_rows(connection)["A", 0]["revision"] == 1


def test_a_batch_may_hold_the_same_report_twice(connection: Connection) -> None:
    batch = [report(-9, temp_c=10), report(-9, temp_c=10), report(-9, temp_c=12), report(-9, "B", temp_c=1)]
    assert write_reports(connection, batch, NOON) == ["stored", "repeated", "conflicting", "stored"]


def test_a_correction_replaces(connection: Connection) -> None:
    write_reports(connection, [report(-9, temp_c=10, humidity=0.5)], NOON)
    assert write_reports(connection, [report(-9, correction=True, temp_c=12)], NOON) == ["corrected"]
    row = hour_rows(connection)["A", 0]
    assert (row["temp_c"], row["humidity"], row["revision"], bool(row["queued"])) == (12, None, 2, True)
    assert write_reports(connection, [report(-9, correction=True, temp_c=12)], NOON) == ["repeated"]


def test_an_hour_is_its_last_values_and_any_rain(connection: Connection) -> None:
    wet = rain(1.0)
    write_reports(
        connection,
        [
            report(-60, temp_c=99),  # of the hour before
            report(-50, temp_c=9, humidity=0.5, **wet),
            report(-5, temp_c=10, **rain(0.0)),
            report(0, wind_speed_kmph=3),
            report(1, temp_c=-99),  # of the hour after
        ],
        NOON,
    )
    row = hour_rows(connection)["A", 0]
    assert (row["temp_c"], row["humidity"], row["wind_speed_kmph"], row[RAIN]) == (10, 0.5, 3, 1)
    assert row["reports"] == 3
    assert row["visibility_km"] is None


def test_the_order_of_arrival_makes_no_difference(connection: Connection) -> None:
    dice = random.Random(7)
    sent = [
        report(
            5 * n,
            temp_c=float(n),
            **(rain(n % 7 == 0) if n % 3 else {}),
            **humid(n / 100 if n % 4 == 0 else None),
        )
        for n in range(40)
    ]
    write_reports(connection, sent, NOON)
    shuffled = [Report("B", r.time, r.source, r.values) for r in sent]
    dice.shuffle(shuffled)
    for first in range(0, len(shuffled), 3):
        write_reports(connection, shuffled[first : first + 3], NOON)
    rows = hour_rows(connection)
    for (station, hour), row in rows.items():
        if station == "A":
            twin = rows["B", hour]
            assert [row[name] for name in (*FEATURES, "reports")] == [
                twin[name] for name in (*FEATURES, "reports")
            ]
    assert len(rows) == 2 * 5


def test_the_queue_gives_the_newest_hours_first_and_forgets_the_answered(connection: Connection) -> None:
    write_reports(connection, [report(60 * n, temp_c=1) for n in range(3)], NOON)
    assert [row["hour"] for row in queue.queued(connection, 2)] == [NOON + 2 * HOUR, NOON + HOUR]
    assert queue.queue_length(connection) == 3
    store_forecasts(connection, [forecast(2)])
    dequeue(connection, ("A", NOON + HOUR), {("A", NOON + HOUR): 1}, "no forecast: humidity missing")
    assert [row["hour"] for row in queue.queued(connection, 9)] == [NOON]
    told = reading.forecasts_of(connection, [("A", NOON + n * HOUR) for n in range(3)])
    assert told["A", NOON] == {"forecast": None, "why_not": "it waits for the forecast service"}
    assert told["A", NOON + HOUR] == {"forecast": None, "why_not": "no forecast: humidity missing"}
    assert told["A", NOON + 2 * HOUR]["forecast"]["probability"] == 0.25


def test_an_answer_that_comes_after_a_change_leaves_the_hour_queued(connection: Connection) -> None:
    write_reports(connection, [report(-9, temp_c=1)], NOON)
    write_reports(connection, [report(-5, temp_c=2)], NOON)
    store_forecasts(connection, [forecast(0)])  # of revision 1
    assert queue.queue_length(connection) == 1
    write_forecasts(connection, [forecast(0, probability=0.75)], {("A", NOON): 2})
    assert queue.queue_length(connection) == 0
    assert connection.scalars(select(forecasts.c.probability)).all() == [0.75]


def test_an_hour_that_can_no_longer_be_forecast_has_no_old_forecast(connection: Connection) -> None:
    write_reports(connection, [report(-9, temp_c=1)], NOON)
    store_forecasts(connection, [forecast(0)])
    write_reports(connection, [report(-9, correction=True, humidity=0.5)], NOON)
    dequeue(connection, ("A", NOON), {("A", NOON): 2}, "no forecast: temp_c missing")
    assert verdicts(connection) == {}


@pytest.mark.parametrize(("rain_at", "rained"), [(None, False), (0, False), (1, True), (4, True), (5, False)])
def test_the_verdict_is_rain_in_the_horizon(
    connection: Connection, rain_at: int | None, rained: bool
) -> None:
    observed = [report(60 * n, **rain(float(n == rain_at))) for n in range(6)]
    write_reports(connection, observed[:1], NOON)
    store_forecasts(connection, [forecast(0)])
    for n in range(1, 4):
        write_reports(connection, [observed[n]], NOON)
        assert verdicts(connection) == {0: None}, "the horizon is not complete"
    write_reports(connection, observed[4:], NOON)
    assert verdicts(connection) == {0: rained}


def test_a_gap_in_the_horizon_leaves_the_forecast_unverified_until_it_is_filled(
    connection: Connection,
) -> None:
    store_forecasts(connection, [forecast(0), forecast(1, horizon=None)])
    wet = rain(1.0)
    write_reports(
        connection, [report(60, **wet), report(120, temp_c=3), report(180, **wet), report(240, **wet)], NOON
    )
    assert verdicts(connection) == {0: None, 1: None}
    write_reports(connection, [report(110, **rain(0.0))], NOON)
    assert verdicts(connection) == {0: True, 1: None}


def test_a_forecast_that_comes_late_is_judged_at_once_and_late_rain_turns_a_verdict(
    connection: Connection,
) -> None:
    write_reports(connection, [report(60 * n, **rain(0.0)) for n in range(6)], NOON)
    store_forecasts(connection, [forecast(0), forecast(0, "B")])
    assert connection.scalars(select(forecasts.c.rained).order_by(forecasts.c.station)).all() == [False, None]
    write_reports(connection, [report(125, **rain(1.0))], NOON)
    assert connection.scalar(select(forecasts.c.rained).where(forecasts.c.station == "A")) is True


def test_retention(connection: Connection) -> None:
    write_reports(connection, [report(60 * n, temp_c=1) for n in range(4)], NOON)
    store_forecasts(connection, [forecast(n) for n in range(4)])
    assert delete_old(connection, None, None) == 0
    assert delete_old(connection, NOON + 3 * HOUR, NOON + HOUR) == 3 + 1 + 1
    assert connection.scalar(select(func.count()).select_from(reports)) == 1
    assert len(hour_rows(connection)) == 3


def test_the_export_has_what_was_asked_without_what_was_assumed(connection: Connection) -> None:
    values = dict.fromkeys(FEATURES, 1.0) | {"pressure_millibars": None, "visibility_km": None}
    present: dict[str, Any] = {n: v for n, v in values.items() if v is not None}
    write_reports(connection, [report(0, **present)], NOON)
    write_reports(connection, [report(60, temp_c=2)], NOON)
    store_forecasts(
        connection, [forecast(0, pressure_millibars=1000.1, visibility_km=16.09, assumed=["visibility_km"])]
    )
    rows, more = reading.export(connection, ("", 0))
    assert more is None
    text = "".join(reading.csv_lines(rows, header=True))
    assert text.splitlines()[1:] == [
        "2013-06-07T12:00:00Z,A,1.0,1.0,1.0,1.0,,1000.1,1.0",
        "2013-06-07T13:00:00Z,A,2.0,,,,,,",
    ]
