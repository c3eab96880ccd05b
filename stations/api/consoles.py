"""Endpoints for home stations: Ecowitt's form and Weather Underground's query. They answer in plain text."""

from __future__ import annotations

import logging
import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from stations import metrics
from stations.api.state import State, patterns, permit, state_of
from stations.conversions import ecowitt, wunderground
from stations.http.bodies import body, form
from stations.http.problems import Problem
from stations.reports import Refused, Report, checked_station

log = logging.getLogger("stations.consoles")

FORM = "application/x-www-form-urlencoded"


async def post_ecowitt(request: Request) -> Response:
    """``POST /ecowitt/STATION/KEY``, or ``/ecowitt/STATION`` if the service has no API keys."""
    state = state_of(request)
    station = checked_station(request.path_params["station"])
    permit(patterns(request, request.path_params.get("key", "")), station)
    data = await body(request, (FORM,), state.settings.max_body_bytes, state.settings.body_seconds)
    now = time.time()
    try:
        report = ecowitt.parse(form(data), station, state.ingestion.elevation.get(station), now)
        return await _store(state, report, "ok")
    except Refused:
        metrics.refused_reports.labels("ecowitt").inc()
        raise


async def get_wunderground(request: Request) -> Response:
    """``GET /weatherstation/updateweatherstation.php``; ``ID`` is the station, ``PASSWORD`` its API key."""
    state = state_of(request)
    query = dict(request.query_params)
    try:
        station = checked_station(query.pop("ID", ""))
    except Refused as error:
        raise Problem(400, f"ID: {error}", error.faults) from None
    permit(patterns(request, query.pop("PASSWORD", "")), station)
    try:
        report = wunderground.parse(query, station, state.ingestion.elevation.get(station), time.time())
        return await _store(state, report, "success")
    except Refused:
        metrics.refused_reports.labels("wunderground").inc()
        raise


async def _store(state: State, report: Report, text: str) -> Response:
    """Store a report without waiting for its forecast, which consoles do not read."""
    outcomes = await state.ingestion.store([state.ingestion.check(report)])
    lines = [text, *report.notes]
    if outcomes == ["conflicting"]:
        lines.append("another report of this time was there before; it was kept, and this one was not")
    return PlainTextResponse("\n".join(lines) + "\n")
