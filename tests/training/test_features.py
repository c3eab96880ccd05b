from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.training.features import (
    BEARING,
    EXCESS,
    HUMIDITY,
    PRESSURE,
    RAIN_NOW,
    SIGHT,
    SPEED,
    TEMPERATURE,
    VISIBILITY,
    WIND,
    Features,
)

EAST, NORTH = 7, 8


def hours(n: int = 400) -> NDArray[np.float64]:
    """Weather whose visibility falls with humidity above 70 % and is capped at 16 km."""
    rng = np.random.default_rng(4)
    x = np.empty((n, len(FEATURES)))
    x[:, TEMPERATURE] = rng.uniform(-5, 30, n)
    x[:, HUMIDITY] = rng.uniform(0.3, 1, n)
    x[:, WIND] = rng.uniform(2, 40, n)
    x[:, BEARING] = rng.uniform(0, 360, n)
    x[:, VISIBILITY] = np.minimum(16, 16 - 50 * (x[:, HUMIDITY] - 0.7))
    x[:, PRESSURE] = rng.uniform(990, 1035, n)
    x[:, RAIN_NOW] = rng.integers(0, 2, n)
    return x


def raw(features: Features, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The features in the units of the contract."""
    return features(x) * features.std + features.mean


def test_six_columns_as_they_are_the_excess_humidity_and_the_wind_as_a_vector() -> None:
    x = hours()
    features = Features.fit(x)
    row = x[:1].copy()
    row[0, [HUMIDITY, WIND, BEARING]] = 0.9, 20, 90
    made = raw(features, row)[0]
    np.testing.assert_allclose(
        made[:SIGHT], [row[0, TEMPERATURE], 0.9, 20], err_msg="temperature, humidity, wind speed"
    )
    np.testing.assert_allclose(made[SIGHT:EXCESS], row[0, [VISIBILITY, PRESSURE, RAIN_NOW]])
    assert made[EXCESS] == pytest.approx(0.1)
    np.testing.assert_allclose(made[[EAST, NORTH]], [20, 0], atol=1e-9, err_msg="from the east")
    row[0, [HUMIDITY, BEARING]] = 0.7, 180
    made = raw(features, row)[0]
    assert made[EXCESS] == pytest.approx(0)
    np.testing.assert_allclose(made[[EAST, NORTH]], [0, -20], atol=1e-9, err_msg="from the south")


def test_the_features_of_the_training_rows_are_standardised() -> None:
    z = Features.fit(hours())(hours())
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-9)


def test_bearings_of_0_and_360_are_the_same_and_in_calm_none_matters() -> None:
    features = Features.fit(hours())
    rows = np.repeat(hours()[:1], 4, axis=0)
    rows[:, BEARING] = 0, 360, 359, 1
    z = features(rows)
    np.testing.assert_allclose(z[0], z[1], atol=1e-9)
    assert np.abs(z[2] - z[3]).max() < 0.1
    rows[:, WIND] = 0
    rows[:, BEARING] = 0, 90, 180, 270
    np.testing.assert_allclose(features(rows), np.repeat(features(rows)[:1], 4, axis=0), atol=1e-9)


def test_a_value_beyond_the_training_range_counts_as_its_end() -> None:
    x = hours()
    features = Features.fit(x)
    ends = np.repeat(x[:1], 2, axis=0)
    beyond = ends.copy()
    for column in (TEMPERATURE, HUMIDITY, VISIBILITY, PRESSURE):
        ends[:, column] = x[:, column].min(), x[:, column].max()
        beyond[:, column] = x[:, column].min() - 1, x[:, column].max() + 1
    ends[:, WIND], beyond[:, WIND] = x[:, WIND].max(), x[:, WIND].max() + 300
    np.testing.assert_allclose(features(beyond), features(ends))


def test_calm_is_within_the_range_although_no_hour_was_calm() -> None:
    assert Features.fit(hours()).low[SPEED] == 0


def test_a_missing_visibility_is_estimated_by_a_line_that_is_cut_at_the_cap() -> None:
    x = hours()
    features = Features.fit(x)
    blind = x.copy()
    blind[:, VISIBILITY] = np.nan
    np.testing.assert_allclose(raw(features, blind)[:, SIGHT], x[:, VISIBILITY], atol=0.05)
    assert np.isnan(blind[:, VISIBILITY]).sum() != 0, "the rows that were given stay as they are"


def test_hours_without_visibility_take_no_part_in_the_estimate_and_its_range() -> None:
    x = hours()
    mixed = np.concatenate([x, x])
    mixed[len(x) :, VISIBILITY] = np.nan
    alone, together = Features.fit(x), Features.fit(mixed)
    assert together.slopes.tolist() == alone.slopes.tolist()
    assert (together.low[SIGHT], together.high[SIGHT]) == (alone.low[SIGHT], alone.high[SIGHT])


def test_a_visibility_that_was_never_measured_makes_no_difference() -> None:
    x = hours()
    x[:, VISIBILITY] = np.nan
    features = Features.fit(x)
    z = features(x)
    assert np.isfinite(z).all()
    given = x.copy()
    given[:, VISIBILITY] = 5.0
    np.testing.assert_array_equal(features(given), z)


def test_nan_elsewhere_stays_nan() -> None:
    features = Features.fit(hours())
    for column in set(range(len(FEATURES))) - {VISIBILITY}:
        rows = hours()[:1]
        rows[0, column] = np.nan
        assert np.isnan(features(rows)).any(), FEATURES[column]
