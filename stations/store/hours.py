"""Merges the reports of an hour into one observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stations.contract import FEATURES, RAIN


def merged(reports: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """One value per field from the reports of an hour, which are sorted by time.

    Rain is 1 if any report has rain, because in the training data an hour is wet if any rain fell in it.
    Every other field is the last known value, which is the nearest to the hour.
    """
    values: dict[str, float | None] = dict.fromkeys(FEATURES)
    for report in reports:
        for name in FEATURES:
            value = report[name]
            if value is not None and (name != RAIN or values[RAIN] != 1):
                values[name] = value
    return values
