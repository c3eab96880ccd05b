"""What a forecaster would expect of the committed model: direction, invariance, minimum skill."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import EXAMPLE
from weather.contract.variables import WeatherVariables
from weather.model.classifier import Classifier
from weather.training.fitting import as_now, roles
from weather.training.observations import FOLDS, new_york_2013, samples
from weather.training.verification import Reference, Verification

DRY = {
    "temp_c": 20.0,
    "humidity": 0.35,
    "wind_speed_kmph": 10.0,
    "wind_bearing_degree": 300.0,
    "visibility_km": 16.0,
    "pressure_millibars": 1028.0,
    "current_weather_condition": 0.0,
}


def chance(classifier: Classifier, **changes: float) -> float:
    found = classifier.forecast([WeatherVariables(**{**DRY, **changes})])[0].probability
    assert found is not None
    return found


def test_the_probability_is_low_on_a_dry_day_and_high_in_rain(
    committed_classifier: Classifier,
) -> None:
    assert chance(committed_classifier) < 0.1
    wet = {**EXAMPLE, "humidity": 0.96, "visibility_km": 3.0, "pressure_millibars": 1002.0}
    assert chance(committed_classifier, **wet) > 0.6


@pytest.mark.parametrize(
    ("change", "more_rain"),
    [
        ({"current_weather_condition": 1.0}, True),
        ({"humidity": 0.95, "pressure_millibars": 1005.0}, True),
        ({"humidity": 0.95, "pressure_millibars": 1005.0, "visibility_km": 4.0}, True),
    ],
)
def test_signs_of_rain_raise_the_probability(
    committed_classifier: Classifier, change: dict[str, float], more_rain: bool
) -> None:
    assert (chance(committed_classifier, **change) > chance(committed_classifier)) == more_rain


def test_noise_below_the_resolution_of_instruments_changes_little(committed_classifier: Classifier) -> None:
    base = chance(committed_classifier)
    for name, noise in (("temp_c", 0.05), ("humidity", 0.002), ("pressure_millibars", 0.05)):
        assert chance(committed_classifier, **{name: DRY[name] + noise}) == pytest.approx(base, abs=0.01)


def test_it_has_skill_on_the_test_blocks(committed_classifier: Classifier) -> None:
    dealt = roles(samples(new_york_2013(), 4), FOLDS - 1)
    rain, probability = committed_classifier(dealt.test.x)
    assert probability is not None
    reference = Reference.of(dealt.seen.rain_now, dealt.seen.y)
    scores = Verification(
        y=dealt.test.y,
        decision=rain,
        probability=probability.astype(np.float64),
        climatology=np.full(len(dealt.test), reference.climatology),
        persistence=reference.persistence(dealt.test.rain_now),
        day=dealt.test.hour.astype("datetime64[D]"),
    ).scores()
    assert scores["bss_persistence"] > 0
    assert scores["bss_climatology"] > 0.25
    assert scores["hss"] > as_now(dealt).scores()["hss"]
