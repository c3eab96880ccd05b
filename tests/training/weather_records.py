"""Records of unremarkable weather, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from weather.training.observations import Observations
from weather.training.sources import from_csv


def record(hours: int, stations: tuple[str, ...] = ("A",)) -> pd.DataFrame:
    """Dry weather, hour by hour, in the old system's columns."""
    times = pd.date_range("2020-01-06", periods=hours, freq="h")
    return pd.concat(
        pd.DataFrame(
            {
                "Timestamp": times.strftime("%Y-%m-%d %H:%M:%S"),
                "Location": station,
                "Temperature_C": 10.0,
                "Humidity": 0.5,
                "Wind_speed_kmph": 10.0,
                "Wind_bearing_degrees": 180.0,
                "Visibility_km": 10.0,
                "Pressure_millibars": np.linspace(1000, 1020, hours),
                "Current_weather_condition": 0,
            }
        )
        for station in stations
    ).reset_index(drop=True)


def read(table: pd.DataFrame, folder: Path) -> Observations:
    """What is read of a table that was written as CSV."""
    path = folder / "weather.csv"
    table.to_csv(path, index=False)
    return from_csv(path)
