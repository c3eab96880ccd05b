"""Which names a fork may have, and what is made of them."""

from __future__ import annotations

import pytest

from fork.edits import EDITS, StaleEdit, edited
from fork.files import copied
from fork.names import BadName, Names, renamed
from loadtest.serving import PROJECT

WINE = Names("wine_quality")


def test_names_are_made_of_the_packages() -> None:
    assert (WINE.project, WINE.class_name, WINE.environment) == (
        "wine-quality",
        "WineQuality",
        "WINE_QUALITY",
    )


@pytest.mark.parametrize(
    "name", ["", "Wine", "wine-quality", "1wine", "wine__quality", "_wine", "w" * 41, "../x"]
)
def test_what_can_not_name_a_package_is_refused(name: str) -> None:
    with pytest.raises(
        BadName, match=f"NAME={name} can't name a Python package and a Bento: give at most 40"
    ):
        Names(name)


@pytest.mark.parametrize("name", ["tests", "service", "json", "numpy", "bentoml", "match", "class"])
def test_the_name_of_a_module_is_refused(name: str) -> None:
    with pytest.raises(BadName, match=f"NAME={name} is the name of a module already: choose another one"):
        Names(name)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("from weather.http import settings", "from wine_quality.http import settings"),
        ("import weather.http.settings", "import wine_quality.http.settings"),
        ("/weather/serving/", "/wine_quality/serving/"),
        ('getLogger("bentoml.weather")', 'getLogger("bentoml.wine_quality")'),
        ("class RainForecast:", "class WineQuality:"),
        ('"service:RainForecast"', '"service:WineQuality"'),
        ("rain_forecast_forecasts_total", "wine_quality_predictions_total"),
        ("services.rain_forecast.workers", "services.wine_quality.workers"),
        ("rain-forecast[grpc]", "wine-quality[grpc]"),
        ("WEATHER_API_KEYS_FILE", "WINE_QUALITY_API_KEYS_FILE"),
        ('"_WEATHER_RUN_FOLDER"', '"_WINE_QUALITY_RUN_FOLDER"'),
        ('"weather-classifier"', '"wine-quality-classifier"'),
        ("WeatherVariables", "InputVariables"),
        ("class BulkForecasts(Forecasts)", "class BulkPredictions(Predictions)"),
        ("is it not ready to forecast", "is it not ready to predict"),
        ('"Forecast from one observation"', '"Predict from one observation"'),
        ("label.rain == outputs.of_rain(x)", "label.positive == outputs.of_positive(x)"),
        ("--rain-label", "--positive-label"),
        ("training, draining, a constraint", "training, draining, a constraint"),
    ],
)
def test_words_become_those_of_the_fork(here: str, there: str) -> None:
    assert renamed(here, WINE) == there


def test_an_edit_whose_passage_is_gone_is_noticed() -> None:
    with pytest.raises(StaleEdit, match=r"service.py has 0 times what fork/edits.py changes"):
        edited("service.py", "")


def test_each_edited_file_is_copied() -> None:
    assert {*EDITS} <= {str(name) for name in copied()}


@pytest.mark.parametrize("name", EDITS)
def test_each_edit_is_of_what_is_there(name: str) -> None:
    """Or else ``make fork`` fails: fork/edits.py follows what these files say."""
    assert edited(name, (PROJECT / name).read_text()) != (PROJECT / name).read_text()
