"""Endpoints that receive reports as METAR, JSON or GET query, and answer with the forecast of each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stations import metrics
from stations.api.state import State, patterns, permit, state_of
from stations.conversions import metar, named
from stations.http.bodies import body
from stations.http.problems import MAX_FAULTS, Problem, refusal
from stations.reports import Fault, Refused, Report, refused, seconds_of, text_of
from stations.store.reading import forecasts_of
from stations.store.writing import Stored


async def post_metar(request: Request) -> Response:
    """One METAR or several, one per line; ``?reference=`` is their approximate time (default: now)."""
    state, known = state_of(request), patterns(request)
    data = await body(request, ("text/plain",), state.settings.max_body_bytes, state.settings.body_seconds)
    texts = metar.split(data.decode("latin-1"))
    reference: float | None = None
    if "reference" in request.query_params:
        try:
            reference = seconds_of(request.query_params["reference"])
        except (ValueError, OverflowError):
            raise refused("reference", "reference is ISO 8601, as 2024-05-01T12:00:00Z") from None
    now = time.time()
    return await _answer(state, known, "metar", texts, lambda text: metar.parse(text, now, reference))


async def post_reports(request: Request) -> Response:
    """One report, or ``{"reports": [...]}``."""
    state, known = state_of(request), patterns(request)
    data = await body(
        request, ("application/json",), state.settings.max_body_bytes, state.settings.body_seconds
    )
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Problem(
            400, "the body is not valid JSON", [Fault((), "the body is not valid JSON", "json")]
        ) from None
    many = isinstance(document, dict) and document.keys() == {"reports"}
    records = document["reports"] if many else [document]
    if not isinstance(records, list):
        raise refused("reports", "reports must be an array of objects", "list_type")
    now = time.time()
    elevation = state.ingestion.elevation
    return await _answer(
        state, known, "json", records, lambda record: named.parse(record, now, "json", elevation), many
    )


async def get_report(request: Request) -> Response:
    """One report as query parameters, for clients that can only send GET requests."""
    state = state_of(request)
    query = dict(request.query_params)
    known = patterns(request, query.pop("key", None))
    record = named.from_query(query)
    now = time.time()
    elevation = state.ingestion.elevation
    return await _answer(
        state, known, "query", [record], lambda r: named.parse(r, now, "query", elevation), False
    )


async def _answer(
    state: State,
    known: list[str],
    source: str,
    items: Sequence[Any],
    parse: Callable[[Any], Report],
    many: bool = True,
) -> Response:
    """Convert each item on its own, store the valid reports, and answer with forecasts and errors."""
    if not 1 <= len(items) <= state.settings.max_reports:
        message = f"there are {len(items):,} reports: give 1 to {state.settings.max_reports:,}"
        raise Problem(400, message, [Fault(("reports",), message, "list_length")])
    taken: dict[int, Report] = {}
    faults: dict[int, tuple[Fault, ...]] = {}
    for index, item in enumerate(items):
        try:
            report = state.ingestion.check(parse(item))
        except Refused as error:
            faults[index] = error.faults
            metrics.refused_reports.labels(source).inc()
        else:
            permit(known, report.station)
            taken[index] = report
    if not taken:
        raise refusal([_placed(fault, index, many) for index, group in faults.items() for fault in group])
    outcomes = await state.ingestion.store(list(taken.values()))
    changed = [r for r, o in zip(taken.values(), outcomes, strict=True) if o in ("stored", "corrected")]
    await state.forwarder.wait_for({(r.station, r.hour) for r in changed}, state.settings.wait_seconds)
    told = await _told(state, taken.values())
    lines: list[dict[str, Any]] = [
        {"index": index, "error": group[0].msg, "detail": [asdict(f) for f in group[:MAX_FAULTS]]}
        for index, group in faults.items()
    ] + [
        _line(index, report, outcome, told.get((report.station, report.hour), {}))
        for (index, report), outcome in zip(taken.items(), outcomes, strict=True)
    ]
    lines.sort(key=lambda line: line["index"])
    if not many:
        return JSONResponse({name: value for name, value in lines[0].items() if name != "index"})
    return JSONResponse({"stored": len(taken), "refused": len(faults), "reports": lines})


async def _told(state: State, reports: Iterable[Report]) -> dict[Any, dict[str, Any]]:
    """The forecast of each report's hour, or the reason why it has none."""
    forecasts = await state.database.read(forecasts_of, [(report.station, report.hour) for report in reports])
    if state.forwarder.breaker.open:
        for line in forecasts.values():
            if line["forecast"] is None and line["why_not"] is not None:
                line["why_not"] = f"{line['why_not']}: {state.forwarder.breaker.reason}"
    return forecasts


def _line(index: int, report: Report, outcome: Stored, told: dict[str, Any]) -> dict[str, Any]:
    notes = list(report.notes)
    if outcome == "conflicting":
        notes.append(
            "another report of this station and time was there before; it was kept, and this one was not"
        )
    return {
        "index": index,
        "station": report.station,
        "time": text_of(report.time),
        "hour": text_of(report.hour),
        "outcome": outcome,
        "observation": dict(report.values),
        "notes": notes,
        **told,
    }


def _placed(fault: Fault, index: int, many: bool) -> Fault:
    return Fault(("reports", index, *fault.loc), fault.msg, fault.type) if many else fault
