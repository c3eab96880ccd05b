"""Completes an hour's observation for the forecast service with earlier or assumed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stations.contract import BEARING, FEATURES, PRESSURE, RAIN, VISIBILITY
from stations.reports import HOUR

CARRY_HOURS = {
    "temp_c": 3,
    "humidity": 3,
    "wind_speed_kmph": 3,
    BEARING: 3,
    VISIBILITY: 3,
    PRESSURE: 12,
}
"""Maximum age of the station's last value that replaces a missing one. Airports omit pressure for up to 11 h,
most often in rain, and training bridges 12 h. Rain is not carried forward, because the forecast depends on it
most."""

MAX_CARRY_HOURS = max(CARRY_HOURS.values())


@dataclass(frozen=True)
class Input:
    """The values to send, the fields whose values were assumed, and notes on what was replaced."""

    values: dict[str, float | None]
    assumed: tuple[str, ...]
    notes: tuple[str, ...]


class Incomplete(Exception):
    """No forecast is possible; the message says what is missing."""


def complete(
    hour: Mapping[str, Any],
    earlier: Sequence[Mapping[str, Any]],
    optional: frozenset[str],
    assumed_visibility_km: float,
) -> Input:
    """The input for an hour; ``hour`` and ``earlier`` are rows of the table ``hours``, newest first.

    The bearing of a calm is 0, as in the training data. Other missing values are carried forward, see
    CARRY_HOURS. If there is no value to carry forward, fields in ``optional`` are sent as null, visibility
    is assumed as ``assumed_visibility_km``, and a variable bearing as 0; the notes say so.

    Raises:
        Incomplete: another field is missing.
    """
    values: dict[str, float | None] = {name: hour[name] for name in FEATURES}
    assumed: list[str] = []
    notes: list[str] = []
    if values[BEARING] is None and values["wind_speed_kmph"] == 0:
        values[BEARING] = 0.0
    for name in FEATURES:
        if values[name] is not None or name == RAIN:
            continue
        for before in earlier:
            age = (hour["hour"] - before["hour"]) // HOUR
            if before[name] is not None and age <= CARRY_HOURS[name]:
                values[name] = before[name]
                notes.append(f"{name} was missing; the value of {age} h before was used")
                break
        else:
            if name in optional:
                notes.append(f"{name} was missing; the model does without it")
            elif name == VISIBILITY:
                values[name] = assumed_visibility_km
                assumed.append(name)
                notes.append(f"visibility is not measured; {assumed_visibility_km:g} km was assumed")
            elif name == BEARING and values["wind_speed_kmph"] is not None:
                values[name] = 0.0
                assumed.append(name)
                notes.append("the wind's direction is variable or missing; 0 degrees was assumed")
    missing = [name for name in FEATURES if values[name] is None and name not in optional]
    if missing:
        raise Incomplete(f"no forecast: {' and '.join(missing)} missing")
    return Input(values, tuple(assumed), tuple(notes))
