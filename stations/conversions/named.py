"""Reports with named quantities and units: JSON bodies and GET queries.

| name | to | |
|---|---|---|
| ``station`` | | letters, digits, ``.``, ``_``, ``-`` |
| ``time`` | UTC | ISO 8601, or Unix seconds; by default now |
| ``temperature`` | °C | |
| ``humidity`` | 1 | or ``dew_point``, see ``moisture`` |
| ``wind_speed``, ``wind_bearing`` | km/h, degree | |
| ``visibility`` | km | |
| ``pressure`` | hPa | at sea level |
| ``station_pressure`` | hPa | reduced with ``elevation``, or the station's own, see ``pressure`` |
| ``elevation`` | m | also ``elevation_m``, a plain number |
| ``raining`` | 0, 1 | true or false, or ``rain_rate`` (mm/h, in/h), which is rain above 0 |

Units are those of ``units``: in JSON ``{"value": 51.3, "unit": "°F"}``, in a query
``temperature=51.3&temperature_unit=°F`` or ``temperature=51.3 °F``. A number without a unit is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from stations.contract import BEARING, PRESSURE, RAIN, VISIBILITY
from stations.conversions.moisture import humidity
from stations.conversions.pressure import sea_level
from stations.conversions.units import NAMES, UnknownUnit, convert
from stations.reports import (
    Fault,
    Refused,
    Report,
    checked_station,
    checked_time,
    refused,
    seconds_of,
    within_limits,
)

QUANTITIES = {
    "temperature": "temperature",
    "dew_point": "temperature",
    "humidity": "humidity",
    "wind_speed": "speed",
    "wind_bearing": "bearing",
    "visibility": "visibility",
    "pressure": "pressure",
    "station_pressure": "pressure",
    "elevation": "elevation",
    "rain_rate": "rain_rate",
}

KNOWN = {"station", "time", "elevation_m", "raining", *QUANTITIES}

SENT_AS = {
    "temp_c": "temperature",
    "humidity": "humidity",
    "wind_speed_kmph": "wind_speed",
    BEARING: "wind_bearing",
    VISIBILITY: "visibility",
    PRESSURE: "pressure",
}
"""The contract's fields, and the names under which reports send them."""

WITH_UNIT = re.compile(r"\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(\S*)\s*")

WORDS = {"true": True, "false": False, "on": True, "off": False, "1": True, "0": False}


def parse(record: Any, now: float, source: str, elevation_of: Mapping[str, float]) -> Report:
    """Convert a JSON object to a report; ``elevation_of`` maps stations to their elevations in m.

    Raises:
        Refused: the object is invalid; it lists every fault with its field.
    """
    if not isinstance(record, dict):
        raise refused("", "a report is a JSON object", "type_error")
    # JSON may contain a lone surrogate, which can't be encoded in the answer.
    unknown = sorted(name.encode(errors="replace").decode()[:64] for name in record.keys() - KNOWN)
    faults = [
        Fault((name,), f"{name} is unknown; known are {', '.join(sorted(KNOWN))}", "unknown")
        for name in unknown
    ]
    quantities: dict[str, float] = {}
    for name in sorted(QUANTITIES.keys() & record.keys()):
        try:
            value = _quantity(name, record[name])
        except Refused as error:
            faults.extend(error.faults)
        else:
            if value is not None:
                quantities[name] = value
    station = ""
    time, elevation, raining = int(now), None, None
    try:
        station = checked_station(record.get("station"))
        time = _time(record.get("time"), now)
        elevation = _elevation(record, quantities, elevation_of.get(station))
        raining = _raining(record.get("raining"), quantities)
    except Refused as error:
        faults.extend(error.faults)
    if faults:
        raise Refused(*faults)
    values, notes = _values(quantities, elevation)
    if raining is not None:
        values[RAIN] = raining
    if not values:
        raise refused("", f"the report has none of {', '.join(sorted(QUANTITIES))} or raining", "empty")
    return Report(station, time, source, within_limits(values, SENT_AS), notes)


def from_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Convert a GET query to the JSON form of a report.

    Raises:
        Refused: a value is not a number, or has two different units.
    """
    record: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, text in query.items():
        if name.removesuffix("_unit") in QUANTITIES and name.endswith("_unit"):
            continue
        if name in QUANTITIES:
            if text.strip() in ("", "unknown", "unavailable"):  # Home Assistant's, for a silent sensor
                continue
            match = WITH_UNIT.fullmatch(text)
            number = _number(match.group(1)) if match else None
            if match is None or number is None:
                faults.append(Fault((name,), f"{name} is not a number with a unit", "type_error"))
                continue
            units = {match.group(2), query.get(f"{name}_unit", "")} - {""}
            if len(units) > 1:
                faults.append(
                    Fault((name,), f"{name} has a unit, and {name}_unit is another", "unknown_unit")
                )
                continue
            record[name] = {"value": number, "unit": "".join(units)}
        elif name == "elevation_m":
            if text.strip():
                record[name] = math.nan if (metres := _number(text)) is None else metres
        elif name == "raining":
            if text.strip() not in ("", "unknown", "unavailable"):
                record[name] = WORDS.get(text.strip().lower(), text)
        else:
            record[name] = text
    if faults:
        raise Refused(*faults)
    return record


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _quantity(name: str, raw: Any) -> float | None:
    quantity = QUANTITIES[name]
    if raw is None:
        return None
    if not isinstance(raw, dict) or raw.keys() != {"value", "unit"}:
        names = ", ".join(NAMES[quantity])
        raise refused(name, f'{name} is {{"value": …, "unit": …}}; units are {names}', "type_error")
    value, unit = raw["value"], raw["unit"]
    if value is None:
        return None
    number = _finite(value)
    if number is None:
        raise refused(name, f"{name}: value must be a finite number", "type_error")
    if quantity == "rain_rate" and number < 0:
        raise refused(
            name, f"{name}: value must not be negative; null says that it is missing", "out_of_range"
        )
    try:
        return convert(quantity, number, str(unit))
    except UnknownUnit as error:
        raise refused(name, f"{name}: {error}", "unknown_unit") from None


def _finite(value: Any) -> float | None:
    """A JSON number as a float; None for anything else, and for an integer too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _time(raw: Any, now: float) -> int:
    if raw is None or raw == "":
        return int(now)
    number = _finite(_number(raw) if isinstance(raw, str) else raw)
    if number is not None:
        return checked_time(number, now)
    if isinstance(raw, str):
        try:
            return checked_time(seconds_of(raw), now)
        except (ValueError, OverflowError) as error:
            if isinstance(error, Refused):
                raise
    raise refused("time", "time is ISO 8601, as 2024-05-01T12:34:56Z, or Unix seconds", "type_error")


def _elevation(
    record: Mapping[str, Any], quantities: Mapping[str, float], known: float | None
) -> float | None:
    raw = record.get("elevation_m")
    if raw is None:
        raw = quantities.get("elevation", known)
    if raw is None:
        return None
    metres = _finite(raw)
    if metres is None or not -500 <= metres <= 9000:
        raise refused("elevation", "elevation is a number of metres from -500 to 9000", "out_of_range")
    return metres


def _raining(raw: Any, quantities: Mapping[str, float]) -> float | None:
    if raw is None:
        rate = quantities.get("rain_rate")
        return None if rate is None else float(rate > 0)
    if isinstance(raw, bool) or raw in (0, 1):
        return float(raw)
    raise refused("raining", "raining is true or false", "type_error")


def _values(q: Mapping[str, float], elevation: float | None) -> tuple[dict[str, float], tuple[str, ...]]:
    values = {ours: q[theirs] for ours, theirs in SENT_AS.items() if theirs in q}
    if "dew_point" in q and "humidity" not in q:
        if "temperature" not in q:
            raise refused(
                "dew_point", "dew_point gives the humidity only together with temperature", "missing"
            )
        try:
            values["humidity"] = humidity(q["temperature"], q["dew_point"])
        except ValueError as error:
            raise refused("dew_point", f"dew_point: {error}") from None
    if "station_pressure" not in q:
        return values, ()
    if elevation is None and "pressure" not in q:
        raise refused(
            "station_pressure",
            "station_pressure needs the elevation: elevation_m in the report, or PUT /stations/STATION",
            "missing",
        )
    reduced = sea_level(q.get("pressure"), q["station_pressure"], elevation, q.get("temperature"))
    values.pop(PRESSURE, None)
    if reduced.hpa is not None:
        values[PRESSURE] = reduced.hpa
    return values, reduced.notes
