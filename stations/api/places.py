"""Endpoints about stations: list, details and recent hours, location, scores, export."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, update
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from stations.api.state import patterns, permit, state_of
from stations.http.bodies import body
from stations.http.problems import Problem, refusal
from stations.reports import Fault, checked_station
from stations.store.access import Database
from stations.store.reading import csv_lines, export, last_hours, overview
from stations.store.tables import stations
from stations.store.writing import insert
from stations.verification.live import one

MAX_HOURS = 31 * 24


class Place(BaseModel):
    """Name and location of a station; fields that are not sent keep their values."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Annotated[str | None, Field(max_length=200)] = None
    elevation_m: Annotated[float | None, Field(ge=-500, le=9000)] = None
    latitude: Annotated[float | None, Field(ge=-90, le=90)] = None
    longitude: Annotated[float | None, Field(ge=-180, le=180)] = None


async def get_stations(request: Request) -> Response:
    """The stations with their latest forecasts, the first ``?limit=`` of them, and the number of all."""
    state = state_of(request)
    limit = _number(request, "limit", state.settings.max_stations, state.settings.max_stations)
    listed = await state.database.read(overview, limit)
    return JSONResponse({"count": len(state.ingestion.stations), "stations": listed})


async def get_station(request: Request) -> Response:
    """One station and its latest hours, as many as ``?hours=`` says (default 24)."""
    count = _number(request, "hours", 24, MAX_HOURS)
    history = await state_of(request).database.read(last_hours, request.path_params["station"], count)
    if history is None:
        raise Problem(404, "there is no such station")
    return JSONResponse(history)


def _number(request: Request, name: str, default: int, largest: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= largest):
        raise refusal([Fault((name,), f"{name} is a whole number from 1 to {largest}", "out_of_range")])
    return int(text)


async def put_station(request: Request) -> Response:
    """Set name, elevation, latitude and longitude of a station; fields that are not sent stay unchanged."""
    state = state_of(request)
    station = checked_station(request.path_params["station"])
    permit(patterns(request), station)
    data = await body(request, ("application/json",), 16 * 1024, state.settings.body_seconds)
    try:
        place = Place.model_validate_json(data)
    except ValidationError as error:
        raise refusal(
            [
                Fault(tuple(e["loc"]), f"{'.'.join(map(str, e['loc']))}: {e['msg']}", e["type"])
                for e in error.errors()
            ]
        ) from None
    if (
        station not in state.ingestion.stations
        and len(state.ingestion.stations) >= state.settings.max_stations
    ):
        raise Problem(400, f"there are {state.settings.max_stations:,} stations, which is the limit")
    known = place.model_dump(exclude_unset=True)
    await state.database.write(_put, station, known, int(time.time()))
    await state.ingestion.start()
    return JSONResponse({"station": station, **known})


def _put(connection: Connection, station: str, known: dict[str, Any], now: int) -> None:
    connection.execute(
        insert(connection, stations).values(station=station, first_seen=now).on_conflict_do_nothing()
    )
    if known:
        connection.execute(update(stations).where(stations.c.station == station).values(**known))


async def get_scores(request: Request) -> Response:
    """Scores of verified forecasts: in total and by station, or only for ``?station=``."""
    state = state_of(request)
    station = request.query_params.get("station")
    if station is None:
        return JSONResponse(await state.scores.everything())
    return JSONResponse(await state.database.read(one, time.time(), station))


async def get_export(request: Request) -> Response:
    """All hours in the CSV format that ``train_import.py train --data`` reads."""
    return StreamingResponse(
        _export(state_of(request).database),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="stations.csv"'},
    )


async def _export(database: Database) -> AsyncIterator[str]:
    after: tuple[str, int] | None = ("", 0)
    header = True
    while after is not None:
        rows, after = await database.read(export, after)
        for text in csv_lines(rows, header):
            yield text
        header = False
