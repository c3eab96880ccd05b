from __future__ import annotations

from loadtest.sample import draw
from loadtest.stations import BURSTS, OBSERVATIONS, SAMPLE, observation
from weather.contract.variables import WeatherVariables


def test_the_sample_is_what_its_command_draws() -> None:
    assert SAMPLE.read_text() == draw()
    assert SAMPLE.stat().st_size < 100_000


def test_every_observation_is_valid_and_some_are_rainy() -> None:
    for row in [*OBSERVATIONS, observation()]:
        WeatherVariables(**row)
    assert len(OBSERVATIONS) == 1000
    assert 20 < len(BURSTS) < 200
