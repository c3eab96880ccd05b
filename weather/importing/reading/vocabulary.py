"""Common names of the contract's fields, and common words for its two classes.

A fork to other fields replaces this module together with ``contract/fields.py``.
"""

from __future__ import annotations

SYNONYMS: dict[str, tuple[str, ...]] = {
    "temp_c": ("temperature_c", "temperature", "temp", "air_temperature", "air_temp", "temp_celsius"),
    "humidity": ("relative_humidity", "rel_humidity", "hum", "humid", "rh"),
    "wind_speed_kmph": ("wind_speed", "wind_speed_kmh", "wind_kmph", "wind_kph", "wind_speed_kph", "wspd"),
    "wind_bearing_degree": (
        "wind_bearing_degrees",
        "wind_bearing",
        "wind_direction",
        "wind_direction_degrees",
        "wind_dir",
        "wind_deg",
        "wdir",
    ),
    "visibility_km": ("visibility", "visib", "vis", "vis_km"),
    "pressure_millibars": (
        "pressure",
        "pressure_mbar",
        "pressure_mb",
        "pressure_hpa",
        "sea_level_pressure",
        "slp",
        "mslp",
        "press",
    ),
    "current_weather_condition": (
        "current_condition",
        "current_weather",
        "weather_condition",
        "condition",
        "rain",
        "rain_now",
        "raining",
        "is_raining",
    ),
}
"""Other names of a field; capitals, spaces and underscores don't matter. The old system's columns
(``Temperature_C``, ``Wind_bearing_degrees``, ...) are among them.
"""

RAIN_WORDS = ("rain", "raining", "rainy", "wet", "yes", "y", "true", "t", "positive")
DRY_WORDS = (
    "no rain",
    "not rain",
    "not raining",
    "dry",
    "no",
    "n",
    "false",
    "f",
    "negative",
    "none",
    "clear",
    "sun",
)

STEMS = frozenset({"rain", "raining", "rainy"})
"""Words of the positive class within a label: ``rain_tomorrow``, and with a negation ``no_rain_tomorrow``."""
