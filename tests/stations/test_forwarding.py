"""The way from queued hours to stored forecasts, with a forecast service that fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from stations.contract import FEATURES
from stations.forwarding.breaker import Breaker
from stations.forwarding.client import ForecastService, Unavailable, optional_fields
from stations.forwarding.forwarder import Forwarder
from stations.forwarding.inputs import Incomplete, complete
from stations.reports import HOUR, Report
from stations.settings import Settings
from stations.store import queue
from stations.store.access import Database
from stations.store.database import connect, migrate
from stations.store.tables import forecasts, hours
from tests.stations.stand_in import StandIn, standing_in
from tests.waiting import PATIENCE

NOON = 1_370_606_400

GOOD: dict[str, Any] = {
    "temp_c": 10.0,
    "humidity": 0.5,
    "wind_speed_kmph": 10.0,
    "wind_bearing_degree": 200.0,
    "visibility_km": 10.0,
    "pressure_millibars": 1010.0,
    "current_weather_condition": 0.0,
}


def hour(number: int = 0, **values: float | None) -> dict[str, Any]:
    return {"station": "A", "hour": NOON + number * HOUR, **dict.fromkeys(FEATURES), **values}


def test_missing_values_are_carried_forward_for_a_while() -> None:
    before = [hour(-1, temp_c=9.0), hour(-3, humidity=0.7, temp_c=8.0), hour(-12, pressure_millibars=990.0)]
    bare: dict[str, Any] = {**GOOD, "temp_c": None, "humidity": None, "pressure_millibars": None}
    found = complete(hour(**bare), before, frozenset(), 16.09)
    assert (found.values["temp_c"], found.values["humidity"]) == (9, 0.7)
    assert found.values["pressure_millibars"] == 990
    assert "humidity was missing; the value of 3 h before was used" in found.notes
    assert found.assumed == ()
    older = [{**row, "hour": row["hour"] - HOUR} for row in before]
    with pytest.raises(Incomplete, match="no forecast: humidity and pressure_millibars missing"):
        complete(hour(**bare), older, frozenset(), 16.09)


def test_rain_is_never_carried_forward() -> None:
    with pytest.raises(Incomplete, match="current_weather_condition missing"):
        complete(hour(**{**GOOD, "current_weather_condition": None}), [hour(-1, **GOOD)], frozenset(), 16.09)


def test_what_is_assumed_is_said() -> None:
    bare = {**GOOD, "visibility_km": None, "wind_bearing_degree": None}
    found = complete(hour(**bare), [], frozenset(), 16.09)
    assert (found.values["visibility_km"], found.values["wind_bearing_degree"]) == (16.09, 0)
    assert set(found.assumed) == {"visibility_km", "wind_bearing_degree"}
    assert len(found.notes) == 2
    calm = complete(
        hour(**{**GOOD, "wind_bearing_degree": None, "wind_speed_kmph": 0.0}), [], frozenset(), 16.09
    )
    assert (calm.values["wind_bearing_degree"], calm.assumed, calm.notes) == (0, (), ())


def test_what_the_model_can_do_without_is_sent_as_null() -> None:
    found = complete(hour(**{**GOOD, "visibility_km": None}), [], frozenset({"visibility_km"}), 16.09)
    assert found.values["visibility_km"] is None
    assert found.assumed == ()
    assert found.notes == ("visibility_km was missing; the model does without it",)


def test_the_breaker_opens_waits_longer_and_closes() -> None:
    breaker = Breaker(limit=3, first=1, longest=10)
    pauses = [breaker.failed("down") for _ in range(6)]
    assert [low <= pause <= 2 * low for pause, low in zip(pauses, [0.5, 1, 2, 4, 5, 5], strict=True)] == [
        True
    ] * 6
    assert breaker.open
    assert breaker.failed("down", retry_after=60) == 60
    breaker.succeeded()
    assert not breaker.open
    breaker.failed("down")
    breaker.failed("down")
    assert not breaker.open


def test_another_contract_is_not_used() -> None:
    with standing_in() as stand_in:
        document = stand_in.contract()
    schema = document["components"]["schemas"]["WeatherVariables"]
    assert optional_fields(document) == frozenset()
    schema["properties"]["temp_c"]["maximum"] = 50
    with pytest.raises(Unavailable, match="accepts less of temp_c"):
        optional_fields(document)
    schema["properties"]["dew_point"] = {"type": "number"}
    with pytest.raises(Unavailable, match="fields are not those"):
        optional_fields(document)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with standing_in() as found:
        yield found


Scene = Callable[[Callable[[Forwarder, Database], Awaitable[None]]], None]


@pytest.fixture
def scene(tmp_path: Path, stand_in: StandIn) -> Scene:
    """Runs a coroutine function with a forwarder on an empty SQLite database."""

    def play(act: Callable[[Forwarder, Database], Awaitable[None]]) -> None:
        async def main() -> None:
            settings = Settings(
                database=f"sqlite:///{tmp_path}/stations.db",
                forecast_url=stand_in.url,
                retry_seconds=0.01,
                retry_max_seconds=0.02,
                batch_rows=10,
            )
            engine = connect(settings.database)
            migrate(engine)
            database = Database(engine, 1000)
            service = ForecastService(settings.forecast_url, "key", timeout=PATIENCE)
            try:
                await asyncio.wait_for(act(Forwarder(database, service, settings), database), PATIENCE)
            finally:
                await service.close()
                await database.close()

        asyncio.run(main())

    return play


def sent(count: int, **change: float) -> list[Report]:
    return [
        Report("A", NOON + n * HOUR, "test", {**GOOD, "humidity": n / 100, **change}) for n in range(count)
    ]


async def forecast_rows(database: Database) -> list[dict[str, Any]]:
    query = select(forecasts).order_by(forecasts.c.hour)
    return await database.read(lambda connection: [dict(row) for row in connection.execute(query).mappings()])


def test_forecasts_are_stored_with_their_origin(scene: Scene, stand_in: StandIn) -> None:
    async def act(forwarder: Forwarder, database: Database) -> None:
        await database.store(sent(25))
        assert [await forwarder.step() for _ in range(4)] == [True, True, True, False]
        rows = await forecast_rows(database)
        assert [row["probability"] for row in rows] == [n / 100 for n in range(25)]
        assert {(row["model"], row["horizon_hours"]) for row in rows} == {("weather-classifier:1", 4)}
        assert len({row["request_id"] for row in rows}) == 3
        assert [len(batch) for batch in stand_in.batches] == [10, 10, 5]

    scene(act)


def test_after_failures_it_goes_on_where_it_was(scene: Scene, stand_in: StandIn) -> None:
    stand_in.failures = [
        (503, {"Retry-After": "0"}, {"error": "not ready", "detail": []}),
        (429, {}, {"error": "busy"}),
        (200, {}, b"<html>"),
        (200, {}, {"forecasts": []}),
        (200, {}, {"nothing": 1}),
        (400, {}, {"error": "the body is not valid JSON", "detail": []}),
    ]

    async def act(forwarder: Forwarder, database: Database) -> None:
        await database.store(sent(3))
        task = asyncio.create_task(forwarder.run())
        while len(await forecast_rows(database)) < 3:
            assert not task.done()
            await asyncio.sleep(0.01)
        while forwarder.breaker.open:  # closed after the forecasts are stored
            await asyncio.sleep(0.01)
        task.cancel()

    scene(act)
    assert len(stand_in.batches) == 7


def test_while_it_is_down_nobody_waits_and_the_reason_is_known(scene: Scene, stand_in: StandIn) -> None:
    stand_in.failures = [(503, {}, {"error": "the model failed its start-up check"})] * 1000

    async def act(forwarder: Forwarder, database: Database) -> None:
        await database.store(sent(1))
        task = asyncio.create_task(forwarder.run())
        await forwarder.wait_for([("A", NOON)], 60)  # released when the breaker opens
        assert forwarder.breaker.open
        await forwarder.wait_for([("A", NOON)], 60)  # not waited for at all
        assert "the model failed its start-up check" in forwarder.breaker.reason
        assert await database.read(queue.queue_length) == 1
        stand_in.failures.clear()
        while not await forecast_rows(database):
            await asyncio.sleep(0.01)
        while forwarder.breaker.open:  # closed after the forecasts are stored
            await asyncio.sleep(0.01)
        task.cancel()

    scene(act)


def test_a_row_that_is_refused_costs_only_its_own_forecast(scene: Scene, stand_in: StandIn) -> None:
    fault = {
        "loc": ["observations", 1, "humidity"],
        "msg": "humidity is out of range",
        "type": "less_than_equal",
    }
    stray = {"loc": ["observations", 99], "msg": "no such row", "type": "x"}
    stand_in.failures = [(400, {}, {"error": "…", "detail": [fault, stray]})]

    async def act(forwarder: Forwarder, database: Database) -> None:
        await database.store(sent(3))
        assert await forwarder.step()
        assert [row["hour"] for row in await forecast_rows(database)] == [NOON, NOON + 2 * HOUR]
        reasons = await database.read(
            lambda c: c.scalars(select(hours.c.reason).order_by(hours.c.hour)).all()
        )
        assert reasons == [None, "the forecast service refuses it: humidity is out of range", None]
        assert await database.read(queue.queue_length) == 0

    scene(act)


@pytest.mark.parametrize("header", [True, False])
def test_a_forecast_has_the_model_that_made_it(scene: Scene, stand_in: StandIn, header: bool) -> None:
    stand_in.header = header

    async def act(forwarder: Forwarder, database: Database) -> None:
        await database.store(sent(1))
        await forwarder.step()
        stand_in.model_after = "weather-classifier:2"
        await database.store([Report("B", NOON, "test", GOOD)])
        await forwarder.step()
        await database.store([Report("C", NOON, "test", GOOD)])
        await forwarder.step()
        models = {row["station"]: row["model"].rpartition(":")[2] for row in await forecast_rows(database)}
        # Without the header nobody knows who answered B at first, so it was asked again.
        assert models == {"A": "1", "B": "1" if header else "2", "C": "2"}

    scene(act)
    assert len(stand_in.batches) == 4


def test_a_model_that_can_do_without_visibility_gets_null(scene: Scene, stand_in: StandIn) -> None:
    stand_in.optional = ("visibility_km",)

    async def act(forwarder: Forwarder, database: Database) -> None:
        values = {name: value for name, value in GOOD.items() if name != "visibility_km"}
        await database.store([Report("A", NOON, "test", values)])
        await forwarder.step()
        assert [row["visibility_km"] for row in await forecast_rows(database)] == [None]

    scene(act)
    assert stand_in.batches[0][0]["visibility_km"] is None


def test_nobody_there(scene: Scene, stand_in: StandIn) -> None:
    async def act(forwarder: Forwarder, database: Database) -> None:
        forwarder.service.http.base_url = "http://127.0.0.1:9"
        await database.store(sent(1))
        with pytest.raises(Unavailable, match="does not answer: ConnectError"):
            await forwarder.step()
        assert await database.read(queue.queue_length) == 1

    scene(act)
