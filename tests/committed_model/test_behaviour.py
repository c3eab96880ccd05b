"""What a forecaster would expect of the committed model: direction, invariance, minimum skill."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import EXAMPLE
from weather.contract.manifest import Manifest
from weather.contract.variables import WeatherVariables
from weather.model.classifier import Classifier
from weather.training.cross_fitting import judged, reference
from weather.training.places import hidden
from weather.training.samples import TEST_FOLD, Samples, samples
from weather.training.sources import new_york_2013
from weather.training.verification import Verification, calibration_error

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


@cache
def unseen() -> Samples:
    """The hours of the weeks that the model has not seen."""
    data = samples(new_york_2013(), 4)
    return data.where(data.fold == TEST_FOLD)


def on_the_test_weeks(classifier: Classifier, x: NDArray[np.float64]) -> Verification:
    decision, probability = classifier(x)
    assert probability is not None
    known = reference(samples(new_york_2013(), 4), TEST_FOLD)
    return judged(unseen(), known, probability.astype(np.float64), decision)


def test_it_has_skill_on_the_test_blocks(committed_classifier: Classifier) -> None:
    scores = on_the_test_weeks(committed_classifier, unseen().x).scores()
    assert scores["bss_persistence"] > 0.125
    assert scores["bss_climatology"] > 0.35
    assert scores["hss"] > 0.565


def test_without_visibility_it_has_most_of_that_skill(committed_classifier: Classifier) -> None:
    scores = on_the_test_weeks(committed_classifier, hidden(unseen().x)).scores()
    assert scores["bss_persistence"] > 0.09


def test_the_probabilities_come_true_on_the_test_blocks(committed_classifier: Classifier) -> None:
    found = on_the_test_weeks(committed_classifier, unseen().x)
    assert calibration_error(found.probability, found.y) < 0.03


def test_rain_now_raises_the_probability_of_every_hour(committed_classifier: Classifier) -> None:
    """The model before this one lowered it for some fronts."""
    dry, wet = unseen().x.copy(), unseen().x.copy()
    dry[:, -1], wet[:, -1] = 0, 1
    for hide in (np.copy, hidden):
        (_, before), (_, after) = committed_classifier(hide(dry)), committed_classifier(hide(wet))
        assert before is not None
        assert after is not None
        assert (after > before).all()


def test_in_calm_the_bearing_does_not_matter_and_0_is_360(committed_classifier: Classifier) -> None:
    calm = {chance(committed_classifier, wind_speed_kmph=0, wind_bearing_degree=b) for b in range(0, 361, 45)}
    assert max(calm) - min(calm) < 1e-5
    north = [chance(committed_classifier, wind_bearing_degree=bearing) for bearing in (0, 360, 359, 1)]
    assert north[0] == pytest.approx(north[1], abs=1e-5)
    assert north[2] == pytest.approx(north[3], abs=0.01)


def test_the_manifest_keeps_what_was_promised(committed_manifest: Manifest) -> None:
    """Figures of all weeks, each forecast by a model that has not seen it."""
    metrics = committed_manifest.metrics
    model = metrics["cross_validation"]["model"]
    assert model["bss_persistence"]["value"] >= 0.1
    assert model["bss_persistence"]["low"] >= 0.07
    assert model["hss"]["value"] >= 0.565
    assert metrics["gain_of_brier_skill"]["gradient boosting"]["low"] > 0
    assert metrics["calibration_error"] <= 0.01
    assert metrics["test"]["model"]["bss_persistence"]["value"] >= 0.125
    assert metrics["without_visibility"]["model"]["bss_persistence"]["value"] >= 0.09
    assert committed_manifest.optional == ["visibility_km"]
