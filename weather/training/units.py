"""Guesses the unit of a column of observations from its values."""

from __future__ import annotations

import numpy as np
import pandas as pd

from weather.contract.variables import LIMITS, UNITS
from weather.importing.reading.units import CONVERSIONS

MIN_SHARE = 0.95
"""Share of the values that another unit must explain."""

HOT = 50
"""In degC. Fewer than a hundredth of a year's hours are hotter even in Death Valley and Kuwait; 50 degF is a
mild day."""

CALM = 15
"""In km/h. At airports a hundredth of the hours has more than 40 km/h, which is 11 m/s."""

KNOT_IN_MPH = 1.15078
"""Wind is measured in whole knots; American files have it converted to mph, New York's as 1.15078 times."""

MILES = 10
"""American stations report no visibility above 10 miles, and less than 3 miles in quarters. Elsewhere the
highest is 10 km, and steps are tenths."""


def likely_unit(feature: str, values: pd.Series[float]) -> str:
    """The unit in which most of the values would be possible, "in percent"; empty if there is none."""
    low, high = LIMITS[feature]
    for unit, factor, shift in CONVERSIONS.get(UNITS[feature], ()):
        if (values * factor + shift).between(low, high).mean() > MIN_SHARE:
            return unit
    return ""


def impossible(feature: str, values: pd.Series[float]) -> pd.Series[bool]:
    """Values that are impossible in the contract's unit and reveal another one; Fahrenheit only.

    Other units have no values in common with the contract's, or none that could be told apart. One value
    that stands for most of them is a code, such as 99.9 for a missing value or the 85 of a DS18B20 that was
    reset: degrees Fahrenheit vary.
    """
    hottest = LIMITS[feature][1]
    fahrenheit = feature == "temp_c"
    foreign = fahrenheit & (values > hottest) & (values <= hottest * 1.8 + 32)
    codes = values[foreign].value_counts()
    if len(codes) and codes.iloc[0] > codes.sum() / 2:
        foreign &= values != codes.index[0]
    return foreign


def doubt(feature: str, column: str, values: pd.Series[float]) -> str:
    """A sentence that says why possible values may be in another unit; empty if nothing suggests it."""
    if values.nunique() < 2:
        return ""
    high = float(values.quantile(0.99))
    if feature == "temp_c" and high > HOT:
        return f"A hundredth of {column} is above {high:.0f} °C: are these degrees Fahrenheit?"
    if feature == "wind_speed_kmph":
        knots = values[values > 0] / KNOT_IN_MPH
        if len(knots) and (np.abs(knots - knots.round()) < 1e-3).mean() > MIN_SHARE:
            return f"{column} has multiples of {KNOT_IN_MPH}, a knot in mph: are these miles per hour?"
        if high < CALM:
            return f"Only a hundredth of {column} is above {high:.3g} km/h: are these metres per second?"
    if feature == "visibility_km" and values.max() == MILES:
        steps = values[values < 3]
        quarters = np.isclose(steps % 0.25, 0)
        tenths = np.isclose(steps * 10 % 1, 0) | np.isclose(steps * 10 % 1, 1)
        if len(steps) and quarters.mean() > MIN_SHARE > tenths.mean():
            return f"{column} ends at {MILES} and has quarters below 3, as reports in miles: are these miles?"
    return ""
