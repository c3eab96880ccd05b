"""Weather Underground's protocol: GET /weatherstation/updateweatherstation.php with a query.

| field | from | unit |
|---|---|---|
| temperature | ``tempf`` | °F → °C |
| humidity | ``humidity``, else from ``dewptf`` | % → 1, °F |
| wind | ``windspeedmph``, ``winddir`` | mph → km/h, degree |
| pressure at sea level | ``baromin``; with ``absbaromin`` and an elevation see ``pressure`` | inHg → hPa |
| rain | ``rainin`` above 0: what fell in the last hour, which many consoles fill with the rate | in → 0, 1 |
| visibility | ``visibility``, which hardly any station has | nautical miles → km |
| time | ``dateutc``, ``now`` or UTC | |

Source: "PWS Upload Protocol", Weather Underground's support pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stations.contract import LIMITS, VISIBILITY
from stations.conversions.consoles import Fields, report
from stations.reports import Report

NAMES = {
    "temperature": "tempf",
    "dew_point": "dewptf",
    "humidity": "humidity",
    "wind_speed": "windspeedmph",
    "wind_bearing": "winddir",
    "relative": "baromin",
    "absolute": "absbaromin",
}


def parse(query: Mapping[str, str], station: str, elevation_m: float | None, now: float) -> Report:
    """Convert a query to a report.

    Raises:
        Refused: the time is invalid, or no value is usable.
    """
    fields = Fields(query)
    visibility = fields.measured("visibility", "visibility", "nmi")
    parsed = report(station, "wunderground", fields, NAMES, fields.rain_rate("rainin"), elevation_m, now)
    if visibility is None or not 0 <= visibility <= LIMITS[VISIBILITY][1]:
        return parsed
    return replace(parsed, values={**parsed.values, VISIBILITY: visibility})
