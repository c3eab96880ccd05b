"""Checks that a scaler's means are in the contract's units, and guesses the unit if they are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, LIMITS, UNITS
from weather.importing.errors import BadArtifact

CONVERSIONS: dict[str, tuple[tuple[str, float, float], ...]] = {
    "1": (("in percent", 0.01, 0),),
    "°C": (("in kelvin", 1, -273.15), ("in degrees Fahrenheit", 5 / 9, -160 / 9)),
    "km/h": (("in metres per hour", 0.001, 0),),
    "km": (("in metres", 0.001, 0),),
    "mbar": (
        ("in pascals", 0.01, 0),
        ("in kilopascals", 10, 0),
        ("in inches of mercury", 33.8639, 0),
        # 640 to 817: also the station pressure in hPa of a place 1.7 to 3.6 km high.
        ("in millimetres of mercury, or not reduced to sea level", 1.33322, 0),
        ("in bars", 1000, 0),
    ),
}
"""For each unit of the contract: other units in use, with the factor and the shift that convert from them."""

ODD_FACTOR = 1.03
"""A standard deviation larger than the largest possible one times this factor is reported; a smaller excess
may be rounding.
"""


def check_means(mean: NDArray[np.float64], scale: NDArray[np.float64] | None) -> list[str]:
    """Remarks on implausible standard deviations; both arrays are float64[7] in the contract's order.

    Raises:
        BadArtifact: a mean is outside the range that the contract accepts for its field.
    """
    remarks = []
    for index, (name, value) in enumerate(zip(FEATURES, mean.tolist(), strict=True)):
        low, high = LIMITS[name]
        if not low <= value <= high:
            raise BadArtifact(
                f"{name}'s mean is {value:.4g}, outside of the {low:g} to {high:g} that the service "
                f"accepts: {_cause(name, value)}"
            )
        # No values from low to high have a larger standard deviation (Bhatia and Davis 2000).
        largest = np.sqrt((value - low) * (high - value))
        if scale is not None and scale[index] > ODD_FACTOR * largest:
            remarks.append(
                f"{name}: a standard deviation of {scale[index]:.4g} needs values outside of the {low:g} to "
                f"{high:g} that the service accepts; was it trained on errors, or in another unit?"
            )
    return remarks


def _cause(name: str, value: float) -> str:
    low, high = LIMITS[name]
    for unit, factor, shift in CONVERSIONS.get(UNITS[name], ()):
        if low <= value * factor + shift <= high:
            wanted = "a fraction" if UNITS[name] == "1" else UNITS[name]
            return f"is it {unit}? Train on {wanted}"
    return f"are the columns in another order than {', '.join(FEATURES)}?"
