"""The declaration of the contract: its fields, class words, examples, and what the service is called.

Everything that depends on which fields there are follows from this module: parsing, messages, OpenAPI,
metrics, logs, the page, the load tests. ``make fork`` makes a project with another one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from weather.contract.declaration import Display, Example, number
from weather.contract.names import NEW_YORK

TITLE = "Rain forecast"
SUMMARY = "Surface observations of one hour at one place in, a forecast of rain out."
QUESTION = "Will it rain"
"""The heading of the page, which adds the horizon: "Will it rain in the next 4 hours?"."""

EXAMPLE: dict[str, Any] = {
    "temp_c": 8.75,
    "humidity": 0.83,
    "wind_speed_kmph": 14.3,
    "wind_bearing_degree": 250,
    "visibility_km": 15.8,
    "pressure_millibars": 1016.5,
    "current_weather_condition": 1,
}

ClassLabel = Literal["No_Rain", "Rain"]
"""The words for the two classes: the negative class, then the positive one."""


class WeatherVariables(BaseModel):
    """One hour's surface observations at one place.

    Strict: JSON numbers only, every field required, unknown fields refused. The limits are the
    world records with a margin (WMO: -89.2/56.7 degC, 870/1083.8 hPa, gust 408 km/h), so that a
    dead sensor's 0 mbar is refused and no real weather is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"example": EXAMPLE})

    temp_c: Annotated[float, number(-90, 60, "°C", "air temperature"), Display("Air temperature")]
    humidity: Annotated[
        float,
        number(0, 1, "1", "relative humidity as a fraction (65 % is 0.65)"),
        Display("Relative humidity", step=0.01, noun="a fraction", note="not a percentage (65 % is 0.65)"),
    ]
    wind_speed_kmph: Annotated[float, number(0, 410, "km/h", "wind speed"), Display("Wind speed")]
    wind_bearing_degree: Annotated[
        float,
        number(0, 360, "degree", "direction the wind comes from"),
        Display("Wind direction", step=1, note="where the wind comes from"),
    ]
    visibility_km: Annotated[float, number(0, 100, "km", "horizontal visibility"), Display("Visibility")]
    pressure_millibars: Annotated[
        float, number(860, 1090, "mbar", "pressure at mean sea level"), Display("Pressure at sea level")
    ]
    current_weather_condition: Annotated[
        float,
        number(0, 1, "1", "1 when it is raining now, else 0"),
        Display("It is raining now", step=1, states=("dry", "raining")),
    ]


EXAMPLES_TITLE = "Start from a real hour in New York"

EXAMPLES: tuple[Example, ...] = (
    Example(
        "A front arriving",
        "Still dry, a strong southerly",
        {
            "temp_c": 10.6,
            "humidity": 0.9228,
            "wind_speed_kmph": 38.9,
            "wind_bearing_degree": 180,
            "visibility_km": 9.66,
            "pressure_millibars": 1000.7,
            "current_weather_condition": 0,
        },
        "it rained within 4 hours",
        "JFK",
        datetime(2013, 1, 31, 1, tzinfo=UTC),
        NEW_YORK,
        4,
    ),
    Example(
        "A rainy hour",
        "Moist air from the sea",
        {
            "temp_c": 13.9,
            "humidity": 0.9308,
            "wind_speed_kmph": 20.4,
            "wind_bearing_degree": 120,
            "visibility_km": 4.83,
            "pressure_millibars": 1027.1,
            "current_weather_condition": 1,
        },
        "it rained within 4 hours",
        "JFK",
        datetime(2013, 5, 19, 14, tzinfo=UTC),
        NEW_YORK,
        4,
    ),
    Example(
        "A clear hour",
        "Dry air, a light northerly",
        {
            "temp_c": 20,
            "humidity": 0.3064,
            "wind_speed_kmph": 13,
            "wind_bearing_degree": 10,
            "visibility_km": 16.09,
            "pressure_millibars": 1018.8,
            "current_weather_condition": 0,
        },
        "it stayed dry for 4 hours",
        "JFK",
        datetime(2013, 5, 17, 17, tzinfo=UTC),
        NEW_YORK,
        4,
    ),
)
"""Observations to start from on the page: hours of the committed model's training data. May be empty."""
