"""What Ecowitt's and Weather Underground's protocols have in common: US units in text fields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from stations.contract import BEARING, PRESSURE, RAIN
from stations.conversions.moisture import humidity
from stations.conversions.pressure import sea_level
from stations.conversions.units import convert
from stations.reports import Report, checked_time, drop_outside_limits, refused

MISSING = {"", "--", "-9999", "-9999.0", "-999", "NA", "null"}
"""Values that consoles send for a sensor that they do not have."""


class Fields:
    """Reads the text fields of a request as numbers; a field that is not a number is left out with a note."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields
        self.notes: list[str] = []

    def number(self, name: str) -> float | None:
        """The value of a field; None if it is missing."""
        text = self.fields.get(name, "").strip()
        if text in MISSING:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.notes.append(f"{name} is not a number; it was left out")
            return None
        return value

    def rain_rate(self, name: str) -> float | None:
        """The rain rate; None if it is missing or negative, as a gauge without signal reports it.

        A negative rate must not count as dry, so it is left out with a note.
        """
        rate = self.number(name)
        if rate is not None and rate < 0:
            self.notes.append(f"{name} is negative; it was left out")
            return None
        return rate

    def measured(self, quantity: str, name: str, unit: str) -> float | None:
        """The value of a field in the quantity's target unit (see ``units``); None if it is missing."""
        value = self.number(name)
        return None if value is None else convert(quantity, value, unit)


def time_of(text: str, now: float) -> int:
    """The field ``dateutc`` as Unix seconds: ``2024-05-01 12:34:56`` or ``now``.

    Raises:
        Refused: it has another form, or is ahead of this service's clock.
    """
    if text.strip() in ("now", ""):
        return int(now)
    try:
        moment = datetime.strptime(text.replace("T", " ").replace("+", " ").strip(), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        raise refused("dateutc", "dateutc is not a time such as 2024-05-01 12:34:56, or now") from None
    return checked_time(moment.replace(tzinfo=UTC).timestamp(), now)


def report(
    station: str,
    source: str,
    fields: Fields,
    names: Mapping[str, str],
    rain_rate: float | None,
    elevation_m: float | None,
    now: float,
) -> Report:
    """Convert the fields of a request to a report.

    ``names`` maps temperature and dew_point (°F), humidity (%), wind_speed (mph), wind_bearing (degrees),
    relative and absolute pressure (inHg) to the protocol's names. Values outside the contract's limits are
    left out with a note.

    Raises:
        Refused: no value is left, or the time is invalid.
    """
    temp_c = fields.measured("temperature", names["temperature"], "°F")
    relative_humidity = fields.measured("humidity", names["humidity"], "%")
    if relative_humidity is None and "dew_point" in names and temp_c is not None:
        dew_point = fields.measured("temperature", names["dew_point"], "°F")
        if dew_point is not None:
            try:
                relative_humidity = humidity(temp_c, dew_point)
            except ValueError as error:
                fields.notes.append(f"humidity was left out: {error}")
    pressure = sea_level(
        fields.measured("pressure", names["relative"], "inHg"),
        fields.measured("pressure", names["absolute"], "inHg"),
        elevation_m,
        temp_c,
    )
    converted = {
        "temp_c": temp_c,
        "humidity": relative_humidity,
        "wind_speed_kmph": fields.measured("speed", names["wind_speed"], "mph"),
        BEARING: fields.measured("bearing", names["wind_bearing"], "degree"),
        PRESSURE: pressure.hpa,
        RAIN: None if rain_rate is None else float(rain_rate > 0),
    }
    values, notes = drop_outside_limits(
        {name: value for name, value in converted.items() if value is not None}
    )
    if not values:
        raise refused("", "none of the fields that a forecast needs was sent, or all were out of range")
    return Report(
        station=station,
        time=time_of(fields.fields.get("dateutc", ""), now),
        source=source,
        values=values,
        notes=(*fields.notes, *pressure.notes, *notes),
    )
