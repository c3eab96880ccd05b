"""Pressure at mean sea level from the pressure at a station.

Uses the hypsometric equation p0 = p · exp(z / (29.263 m/K · T)) with the elevation z in m and the
temperature T in K; 29.263 is R_d / g, in the form that weewx uses. At 400 m and 15 °C it adds 48 hPa.
The station's temperature stands for the mean temperature of the layer below it. By the standard lapse rate
that is 1.3 K higher at 400 m, so the result is 0.2 hPa too high; above 1,000 m the error is 1 hPa or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stations.contract import LIMITS

SCALE = 29.263
"""Metres per kelvin: gas constant of dry air over the acceleration of gravity."""

SAME_HPA = 0.2
"""Largest difference at which relative and absolute pressure count as equal: consoles round to 0.01 inHg."""

LOW_STATION_M = 50
"""Up to this elevation the two differ by at most 6 hPa, about the calibration error of home stations."""

DISAGREEMENT_HPA = 5


@dataclass(frozen=True)
class SeaLevel:
    """Pressure at sea level in hPa, None if it is unknown, and a note for the sender, which may be empty."""

    hpa: float | None
    note: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """The note as a tuple, empty without one."""
        return (self.note,) if self.note else ()


def reduced(station_hpa: float, elevation_m: float, temp_c: float) -> float:
    """Pressure at mean sea level in hPa."""
    return station_hpa * math.exp(elevation_m / (SCALE * (temp_c + 273.15)))


def sea_level(
    relative: float | None, absolute: float | None, elevation_m: float | None, temp_c: float | None
) -> SeaLevel:
    """Pressure at sea level from a console's "relative" and "absolute" pressure in hPa.

    Many consoles send the absolute pressure as both; 968 hPa at 400 m would then look like a storm. If the
    elevation is known, the absolute pressure is therefore reduced here, and the relative one only compared
    with the result. If it is unknown, a relative pressure equal to the absolute one is not used.
    """
    same = relative is not None and absolute is not None and abs(relative - absolute) <= SAME_HPA
    if absolute is not None and elevation_m is not None:
        coldest, warmest = LIMITS["temp_c"]
        if temp_c is None or not coldest <= temp_c <= warmest:  # the equation overflows near 0 K
            return SeaLevel(None, "pressure was left out: its reduction to sea level needs a temperature")
        hpa = reduced(absolute, elevation_m, temp_c)
        if same and elevation_m > LOW_STATION_M:
            return SeaLevel(
                hpa,
                f"relative and absolute pressure are equal at {elevation_m:g} m: the console is not set up; "
                f"{absolute:.1f} hPa was reduced to {hpa:.1f} hPa at sea level",
            )
        if relative is not None and abs(relative - hpa) > DISAGREEMENT_HPA:
            return SeaLevel(
                hpa,
                f"the relative pressure is {relative:.1f} hPa, but {absolute:.1f} hPa at {elevation_m:g} m "
                f"is {hpa:.1f} hPa at sea level, which was used",
            )
        return SeaLevel(hpa)
    if same:
        return SeaLevel(
            None,
            "pressure was left out: relative and absolute pressure are equal, so it may not be that at sea "
            "level; give the station's elevation (PUT /stations/STATION)",
        )
    if absolute is not None and relative is None:
        return SeaLevel(
            None,
            "pressure was left out: only the station's own is known; give the station's elevation "
            "(PUT /stations/STATION)",
        )
    if relative is not None and elevation_m is not None and elevation_m > LOW_STATION_M:
        return SeaLevel(
            relative,
            f"pressure was taken as that at sea level, as it was sent; check it: at {elevation_m:g} m the "
            "station's own pressure would be another",
        )
    return SeaLevel(relative)
