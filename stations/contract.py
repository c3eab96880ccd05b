"""The forecast service's request contract; ``tests/stations/test_contract.py`` compares the two."""

FEATURES = (
    "temp_c",
    "humidity",
    "wind_speed_kmph",
    "wind_bearing_degree",
    "visibility_km",
    "pressure_millibars",
    "current_weather_condition",
)
"""The fields of one observation, in the order of the request contract."""

RAIN = "current_weather_condition"
VISIBILITY = "visibility_km"
BEARING = "wind_bearing_degree"
PRESSURE = "pressure_millibars"

LIMITS: dict[str, tuple[float, float]] = {
    "temp_c": (-90, 60),
    "humidity": (0, 1),
    "wind_speed_kmph": (0, 410),
    "wind_bearing_degree": (0, 360),
    "visibility_km": (0, 100),
    "pressure_millibars": (860, 1090),
    "current_weather_condition": (0, 1),
}
"""The accepted range of each field, both ends inclusive."""

UNITS: dict[str, str] = {
    "temp_c": "°C",
    "humidity": "1",
    "wind_speed_kmph": "km/h",
    "wind_bearing_degree": "degree",
    "visibility_km": "km",
    "pressure_millibars": "mbar",
    "current_weather_condition": "1",
}

MAX_ROWS = 10_000
"""Limit of the number of observations in one bulk request."""

MAX_HORIZON_HOURS = 48
"""The longest horizon that ``train_import.py train`` accepts."""
