"""The weather contract itself: what a fork to other fields replaces together with ``contract/fields.py``."""

from __future__ import annotations

import pytest

from weather.contract.faults import accepted
from weather.contract.fields import EXAMPLE, EXAMPLES
from weather.contract.names import NEW_YORK
from weather.contract.variables import BINARY, FEATURES, LABELS, LIMITS, UNITS, WeatherVariables


def test_fields_units_and_ranges_are_those_of_the_system_that_is_replaced() -> None:
    assert [(name, UNITS[name], *LIMITS[name]) for name in FEATURES] == [
        ("temp_c", "°C", -90, 60),
        ("humidity", "1", 0, 1),
        ("wind_speed_kmph", "km/h", 0, 410),
        ("wind_bearing_degree", "degree", 0, 360),
        ("visibility_km", "km", 0, 100),
        ("pressure_millibars", "mbar", 860, 1090),
        ("current_weather_condition", "1", 0, 1),
    ]
    assert LABELS == ("No_Rain", "Rain")
    assert {"current_weather_condition"} == BINARY


def test_the_message_for_humidity_asks_for_a_fraction_and_warns_of_a_percentage() -> None:
    assert accepted("humidity") == "a fraction from 0 to 1, not a percentage (65 % is 0.65)"
    assert accepted("pressure_millibars") == "a number from 860 to 1090 mbar"
    assert accepted("current_weather_condition") == "0 (dry) or 1 (raining)"


@pytest.mark.parametrize("observation", [EXAMPLE, *(example.observation for example in EXAMPLES)])
def test_examples_are_valid_and_in_the_order_of_the_fields(observation: dict[str, float]) -> None:
    assert tuple(WeatherVariables(**observation).model_dump()) == tuple(observation) == FEATURES


def test_the_examples_name_the_default_data_and_their_horizon() -> None:
    assert {(example.data, example.horizon_hours) for example in EXAMPLES} == {(NEW_YORK, 4)}
