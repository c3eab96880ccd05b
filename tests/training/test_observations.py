from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from weather.contract.variables import FEATURES
from weather.training import observations
from weather.training.fitting import roles
from weather.training.observations import BLOCK_HOURS, FOLDS, BadData, from_csv, new_york_2013, samples

PRESSURE = FEATURES.index("pressure_millibars")
BEARING = FEATURES.index("wind_bearing_degree")


def record(hours: int, stations: tuple[str, ...] = ("A",)) -> pd.DataFrame:
    """Unremarkable dry weather, hour by hour, in the old system's columns."""
    times = pd.date_range("2020-01-06", periods=hours, freq="h")
    return pd.concat(
        pd.DataFrame(
            {
                "Timestamp": times.strftime("%Y-%m-%d %H:%M:%S"),
                "Location": station,
                "Temperature_C": 10.0,
                "Humidity": 0.5,
                "Wind_speed_kmph": 10.0,
                "Wind_bearing_degrees": 180.0,
                "Visibility_km": 10.0,
                "Pressure_millibars": np.linspace(1000, 1020, hours),
                "Current_weather_condition": 0,
            }
        )
        for station in stations
    ).reset_index(drop=True)


def read(table: pd.DataFrame, folder: Path) -> observations.Observations:
    path = folder / "weather.csv"
    table.to_csv(path, index=False)
    return from_csv(path)


def test_the_label_looks_forward(tmp_path: Path) -> None:
    table = record(40)
    table.loc[20, "Current_weather_condition"] = 1
    labelled = samples(read(table, tmp_path), horizon=4)
    rainy = labelled.hour[labelled.y]
    first = np.datetime64("2020-01-06T00", "h")
    # Hours 16 … 19 see the rain of hour 20 coming. Turned round, it would be hours 21 … 24.
    assert rainy.tolist() == (first + np.arange(16, 20)).tolist()
    assert not labelled.y[labelled.hour == first + 20], "hour t itself is not part of its label"


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


def test_zero_pressure_is_missing_and_interpolated(tmp_path: Path) -> None:
    table = record(40)
    table.loc[10, "Pressure_millibars"] = 0
    observed = read(table, tmp_path)
    expected = (table["Pressure_millibars"][9] + table["Pressure_millibars"][11]) / 2
    assert observed.table["pressure_millibars"][10] == pytest.approx(expected)
    assert any("1 values of pressure_millibars" in note for note in observed.notes)


def test_long_gaps_stay_missing_and_are_left_out(tmp_path: Path) -> None:
    table = record(60)
    table.loc[20:40, "Pressure_millibars"] = np.nan
    labelled = samples(read(table, tmp_path), horizon=1)
    first = np.datetime64("2020-01-06T00", "h")
    assert not np.isin(labelled.hour, first + np.arange(20, 41)).any()


def test_a_bearing_is_interpolated_the_short_way_round(tmp_path: Path) -> None:
    table = record(10)
    table["Wind_bearing_degrees"] = [350.0] * 4 + [np.nan] + [10.0] * 5
    bearing = read(table, tmp_path).table["wind_bearing_degree"][4]
    assert min(bearing, 360 - bearing) == pytest.approx(0, abs=1e-6)


def test_no_hour_of_the_test_blocks_touches_a_training_block() -> None:
    horizon = 4
    labelled = samples(new_york_2013(), horizon)
    for fold in range(FOLDS):
        dealt = roles(labelled, fold)
        seen = {
            hour + ahead
            for hour in set(dealt.seen.hour.astype(np.int64).tolist())
            for ahead in range(horizon + 1)
        }
        tested = set(dealt.test.hour.astype(np.int64).tolist())
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


def test_the_default_data_keep_their_rain_although_pressure_is_missing() -> None:
    observed = new_york_2013()
    assert observed.pressure_missing[True] > 5 * observed.pressure_missing[False]
    labelled = samples(observed, 4)
    assert labelled.rain_now.mean() == pytest.approx(0.067, abs=0.002)
    assert labelled.x[:, PRESSURE].min() > 900
    assert labelled.x[:, FEATURES.index("wind_speed_kmph")].max() < 100
    assert labelled.x[:, BEARING].min() >= 0
    assert labelled.x[:, BEARING].max() <= 360


def test_a_label_column_in_the_file_is_ignored_and_said_so(tmp_path: Path) -> None:
    observed = read(record(40).assign(Future_weather_condition=1), tmp_path)
    assert not samples(observed, 1).y.any()
    assert any("Future_weather_condition was ignored" in note for note in observed.notes)


def test_repeated_hours_are_dropped_and_said_so(tmp_path: Path) -> None:
    table = record(40)
    observed = read(pd.concat([table, table.iloc[[5]]]), tmp_path)
    assert len(observed.table) == 40
    assert any("1 rows repeat" in note for note in observed.notes)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda t: t.drop(columns="Humidity"), "lacks the column.* Humidity"),
        (lambda t: t.assign(Humidity="wet"), "Humidity holds something that is no number"),
        (lambda t: t.assign(Timestamp="noon"), "Timestamp holds something that is no time"),
        (lambda t: t.assign(Current_weather_condition=3), "must be 0 or 1"),
        (lambda t: t.iloc[:0], "no row"),
    ],
)
def test_bad_files_are_refused_by_column(spoil, complaint: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadData, match=complaint):
        samples(read(spoil(record(20)), tmp_path), 1)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"nowhere\.csv can't be read"):
        from_csv(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("horizon", [0, 49])
def test_horizons_out_of_range_are_refused(horizon: int, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="1 to 48 hours"):
        samples(read(record(20), tmp_path), horizon)
