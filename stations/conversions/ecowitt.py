"""Ecowitt's protocol: a console POSTs a form to a path that its owner configures.

| field | from | unit |
|---|---|---|
| temperature | ``tempf`` | °F → °C |
| humidity | ``humidity`` | % → 1 |
| wind | ``windspeedmph``, ``winddir`` | mph → km/h, degree |
| pressure at sea level | ``baromabsin`` reduced, else ``baromrelin``, see ``pressure`` | inHg → hPa |
| rain | ``rainratein`` (tipping spoon) or ``rrain_piezo`` above 0 | in/h → 0, 1 |
| visibility | no console measures it | |
| time | ``dateutc`` | UTC |

The field names are those that consoles send and the package aioecowitt reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from stations.conversions.consoles import Fields, report
from stations.reports import Report

NAMES = {
    "temperature": "tempf",
    "humidity": "humidity",
    "wind_speed": "windspeedmph",
    "wind_bearing": "winddir",
    "relative": "baromrelin",
    "absolute": "baromabsin",
}


def parse(form: Mapping[str, str], station: str, elevation_m: float | None, now: float) -> Report:
    """Convert a form to a report.

    Raises:
        Refused: the time is invalid, or no value is usable.
    """
    fields = Fields(form)
    rates = [fields.rain_rate(name) for name in ("rainratein", "rrain_piezo")]
    known = [rate for rate in rates if rate is not None]
    return report(station, "ecowitt", fields, NAMES, max(known) if known else None, elevation_m, now)
