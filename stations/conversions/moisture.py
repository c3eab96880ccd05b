"""Relative humidity from temperature and dew point.

Saturation vapour pressure over water by Magnus' formula with the constants of the WMO's Guide to
Instruments and Methods of Observation (WMO-No. 8), volume I, annex 4.B:
e(t) = 6.112 hPa · exp(17.62 t / (243.12 °C + t)), −45 … 60 °C; humidity is e(dew point) / e(t).
"""

from __future__ import annotations

import math

TOLERANCE = 0.5
"""How far a dew point may exceed the temperature, in °C: METARs round both to whole degrees."""


def vapour_pressure(temp_c: float) -> float:
    """Saturation vapour pressure over water in hPa."""
    return 6.112 * math.exp(17.62 * temp_c / (243.12 + temp_c))


def humidity(temp_c: float, dew_point_c: float) -> float:
    """Relative humidity, 0 … 1.

    Raises:
        ValueError: the dew point is above the temperature, or a value is not within −100 … 100 °C.
    """
    if not (-100 <= temp_c <= 100 and -100 <= dew_point_c <= 100):
        raise ValueError("temperature and dew point must be from -100 to 100 °C")
    if dew_point_c > temp_c + TOLERANCE:
        raise ValueError("the dew point is above the temperature")
    return min(1.0, vapour_pressure(dew_point_c) / vapour_pressure(temp_c))
