from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.weather_records import read, record
from weather.training.observations import BadData
from weather.training.samples import BLOCK_HOURS, FOLDS, TooLittleData, samples
from weather.training.sources import new_york_2013


def test_the_label_looks_forward(tmp_path: Path) -> None:
    table = record(40)
    table.loc[20, "Current_weather_condition"] = 1
    labelled = samples(read(table, tmp_path), horizon=4)
    rainy = labelled.hour[labelled.y]
    first = np.datetime64("2020-01-06T00", "h")
    # Hours 16 … 19 see the rain of hour 20 coming. Turned round, it would be hours 21 … 24.
    assert rainy.tolist() == (first + np.arange(16, 20)).tolist()
    assert not labelled.y[labelled.hour == first + np.timedelta64(20, "h")], (
        "hour t itself is not part of its label"
    )


def test_an_hour_later_is_by_timestamp_not_by_row(tmp_path: Path) -> None:
    table = record(40)
    table.loc[20, "Current_weather_condition"] = 1
    labelled = samples(read(table.drop(index=[17, 18]), tmp_path), horizon=2)
    first = np.datetime64("2020-01-06T00", "h")
    hours = ((labelled.hour - first) / np.timedelta64(1, "h")).astype(int).tolist()
    assert not {15, 16} & set(hours), "an hour whose horizon was not observed has no label"
    assert ((labelled.hour[labelled.y] - first) / np.timedelta64(1, "h")).astype(int).tolist() == [19]


def test_stations_do_not_see_each_other(tmp_path: Path) -> None:
    table = record(40, ("A", "B"))
    table.loc[(table["Location"] == "A") & (table.index == 20), "Current_weather_condition"] = 1
    labelled = samples(read(table, tmp_path), horizon=4)
    assert set(labelled.station[labelled.y]) == {"A"}


def test_no_hour_of_the_test_blocks_touches_a_training_block() -> None:
    horizon = 4
    labelled = samples(new_york_2013(), horizon)
    for fold in range(FOLDS):
        test = labelled.fold == fold
        seen = {
            hour + ahead
            for hour in set(labelled.hour[~test].astype(np.int64).tolist())
            for ahead in range(horizon + 1)
        }
        tested = set(labelled.hour[test].astype(np.int64).tolist())
        asked = {hour + ahead for hour in tested for ahead in range(horizon + 1)}
        assert not seen & asked, "a test label and a training label share an hour"


def test_each_fold_covers_all_seasons() -> None:
    labelled = samples(new_york_2013(), 4)
    for fold in range(FOLDS):
        months = labelled.hour[labelled.fold == fold].astype("datetime64[M]")
        assert len(np.unique(months)) >= 12


def test_gaps_between_blocks_are_at_least_the_horizon() -> None:
    horizon = 6
    labelled = samples(new_york_2013(), horizon)
    since = (labelled.hour - labelled.hour.min()).astype(np.int64)
    assert (since % BLOCK_HOURS).max() < BLOCK_HOURS - horizon


@pytest.mark.parametrize("horizon", [0, 49])
def test_horizons_out_of_range_are_refused(horizon: int, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="1 to 48 hours"):
        samples(read(record(20), tmp_path), horizon)


def test_visibility_may_be_missing_and_nothing_else(tmp_path: Path) -> None:
    table = record(40)
    table["Visibility_km"] = np.nan
    labelled = samples(read(table, tmp_path), horizon=1)
    assert len(labelled) == 39
    assert np.isnan(labelled.x[:, 4]).all()
    with pytest.raises(BadData, match="no row has all required values"):
        samples(read(table.assign(Humidity=np.nan), tmp_path), horizon=1)


def test_a_fold_without_rain_is_too_little(tmp_path: Path) -> None:
    table = record(6 * BLOCK_HOURS)
    for week in range(5):
        table.loc[week * BLOCK_HOURS + 20, "Current_weather_condition"] = 1
    labelled = samples(read(table, tmp_path), horizon=2)
    labelled.check()
    table.loc[3 * BLOCK_HOURS + 20, "Current_weather_condition"] = 0
    with pytest.raises(TooLittleData, match=r"rain follows 0 of \d+ hours in fold 3"):
        samples(read(table, tmp_path), horizon=2).check()


def test_thinning_draws_hours_at_random_the_same_each_time_and_keeps_their_order() -> None:
    labelled = samples(new_york_2013(), 4)
    few = labelled.thinned(5000)
    assert len(few) == 5000
    assert few.y.mean() == pytest.approx(labelled.y.mean(), abs=0.02)
    assert set((few.hour.astype(int) % 24).tolist()) == set(range(24)), "not every 24th hour"
    assert (few.x == labelled.thinned(5000).x).all()
    for station in np.unique(few.station):
        assert (np.diff(few.hour[few.station == station].astype(int)) > 0).all()
    assert labelled.thinned(len(labelled)) is labelled
