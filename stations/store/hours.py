"""The reports of an hour as one observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stations.contract import FEATURES, RAIN


def merged(reports: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """One value a field from an hour's reports, which are in the order of their time.

    Rain is 1 if any report has rain: the training data's hour is wet when something fell in it. Every
    other field is the last known one, the nearest to the hour.
    """
    values: dict[str, float | None] = dict.fromkeys(FEATURES)
    for report in reports:
        for name in FEATURES:
            value = report[name]
            if value is not None and (name != RAIN or values[RAIN] != 1):
                values[name] = value
    return values
