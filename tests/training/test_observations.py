from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.weather_records import read, record
from weather.training.observations import MAX_GAP_HOURS, BadData, Missing
from weather.training.samples import samples
from weather.training.sources import new_york_2013


def test_zero_pressure_is_missing_and_the_last_value_stands(tmp_path: Path) -> None:
    table = record(40)
    table.loc[10, "Pressure_millibars"] = 0
    observed = read(table, tmp_path)
    assert observed.table["pressure_millibars"][10] == observed.table["pressure_millibars"][9]
    assert "1 value of pressure_millibars outside 860 … 1090 counted as missing." in observed.notes


@pytest.mark.parametrize(
    ("column", "factor", "sentence"),
    [
        ("Humidity", 100, "40 of 40 values of Humidity are impossible: are they in percent? Give a"),
        ("Visibility_km", 1000, "of Visibility_km are impossible: are they in metres? Give a number"),
        ("Pressure_millibars", 100, "of Pressure_millibars are impossible: are they in pascals"),
        ("Pressure_millibars", 0.1, "of Pressure_millibars are impossible: are they in kilopascals"),
        ("Pressure_millibars", 1 / 33.8639, "are impossible: are they in inches of mercury"),
        ("Pressure_millibars", 0.7, "are they in millimetres of mercury, or not reduced to sea level"),
        ("Wind_speed_kmph", 1000, "of Wind_speed_kmph are impossible: are they in metres per hour"),
        ("Wind_bearing_degrees", 1000, "of Wind_bearing_degrees are impossible: is it another unit"),
    ],
)
def test_another_unit_is_refused_by_column(column: str, factor: float, sentence: str, tmp_path: Path) -> None:
    table = record(40)
    table[column] *= factor
    with pytest.raises(BadData, match=re.escape(sentence)):
        read(table, tmp_path)
    table[column] = 0.0  # as the old system writes that there is none
    assert len(read(table, tmp_path).table) == 40


def year(seed: int = 3) -> pd.DataFrame:
    """Weather that varies, in the contract's units."""
    rng = np.random.default_rng(seed)
    table = record(2000)
    season = np.sin(np.arange(2000) / 2000 * 2 * np.pi)
    table["Temperature_C"] = 12 + 14 * season + rng.normal(0, 4, 2000)
    table["Wind_speed_kmph"] = np.abs(rng.normal(0, 18, 2000)).round()
    table["Visibility_km"] = rng.choice([0.1, 0.8, 1.4, 2.5, 6, 10], 2000)
    return table


def test_usual_weather_leaves_no_doubt_of_its_units(tmp_path: Path) -> None:
    assert read(year(), tmp_path).notes == []
    assert not [note for note in new_york_2013().notes if "are these" in note]


@pytest.mark.parametrize("shift", [0, 20])
def test_fahrenheit_is_refused_though_most_values_are_within_the_limits(shift: float, tmp_path: Path) -> None:
    table = year()
    table["Temperature_C"] = (table["Temperature_C"] + shift) * 1.8 + 32
    with pytest.raises(BadData, match="of Temperature_C are impossible: are they in degrees Fahrenheit"):
        read(table, tmp_path)


def test_a_code_for_missing_values_is_no_other_unit(tmp_path: Path) -> None:
    table = year()
    for column in ("Temperature_C", "Visibility_km", "Pressure_millibars", "Wind_speed_kmph"):
        table.loc[::10, column] = 9999
    notes = read(table, tmp_path).notes
    assert sum("counted as missing" in note for note in notes) == 4
    assert not [note for note in notes if "are these" in note]


@pytest.mark.parametrize("code", [85, 99.9, 140])
def test_a_code_that_would_be_possible_in_fahrenheit_is_no_other_unit(code: float, tmp_path: Path) -> None:
    table = year()
    table.loc[::10, "Temperature_C"] = code
    assert any("200 values of temp_c outside -90" in note for note in read(table, tmp_path).notes)


@pytest.mark.parametrize(
    ("column", "convert", "sentence"),
    [
        (
            "Temperature_C",
            lambda c: (c - 20) * 1.8 + 32,  # a cold place
            "A hundredth of Temperature_C is above 5",
        ),
        (
            "Wind_speed_kmph",
            lambda w: (w / 1.852).round() * 1.15078,
            "Wind_speed_kmph has multiples of 1.15078, a knot in mph: are these miles per hour?",
        ),
        (
            "Wind_speed_kmph",
            lambda w: w / 3.6,
            "Only a hundredth of Wind_speed_kmph is above 1",
        ),
        (
            "Visibility_km",
            lambda v: v.replace({0.1: 0.25, 0.8: 0.75, 1.4: 1.25}),
            "Visibility_km ends at 10 and has quarters below 3, as reports in miles: are these miles?",
        ),
    ],
)
def test_possible_values_that_look_like_another_unit_get_a_note(
    column: str, convert: Callable[[pd.Series[float]], pd.Series[float]], sentence: str, tmp_path: Path
) -> None:
    table = year()
    table[column] = convert(table[column])
    assert [note for note in read(table, tmp_path).notes if note.startswith(sentence)]


def test_no_value_comes_from_a_later_hour_or_another_station(tmp_path: Path) -> None:
    table = record(40, ("A", "B"))
    table.loc[:4, "Pressure_millibars"] = np.nan  # of A
    table.loc[40:44, "Pressure_millibars"] = np.nan  # of B: the row before is A's last
    pressure = read(table, tmp_path).table["pressure_millibars"]
    assert pressure[:5].isna().all()
    assert pressure[40:45].isna().all()
    assert pressure[5:40].notna().all()


def test_a_value_stands_for_half_a_day_by_timestamp(tmp_path: Path) -> None:
    table = record(60)
    table.loc[20:40, "Pressure_millibars"] = np.nan
    pressure = read(table, tmp_path).table["pressure_millibars"]
    assert (pressure[20 : 20 + MAX_GAP_HOURS] == pressure[19]).all()
    assert pressure[20 + MAX_GAP_HOURS : 41].isna().all()
    without_hours = table.drop(index=range(20, 32))  # the same hours, fewer rows
    assert read(without_hours, tmp_path).table["pressure_millibars"][20:29].isna().all()


def test_hours_out_of_reach_of_a_value_are_left_out(tmp_path: Path) -> None:
    table = record(60)
    table.loc[20:40, "Pressure_millibars"] = np.nan
    labelled = samples(read(table, tmp_path), horizon=1)
    first = np.datetime64("2020-01-06T00", "h")
    assert not np.isin(labelled.hour, first + np.arange(20 + MAX_GAP_HOURS, 41)).any()


def test_no_usable_row_is_said_with_the_columns_that_are_to_blame(tmp_path: Path) -> None:
    observed = read(record(40).assign(Pressure_millibars=0), tmp_path)
    with pytest.raises(BadData, match="missing in all of them: pressure_millibars"):
        samples(observed, horizon=1)


def test_rain_is_not_carried_forward(tmp_path: Path) -> None:
    table = record(40)
    table["Current_weather_condition"] = table["Current_weather_condition"].astype(object)
    table.loc[9, "Current_weather_condition"] = 1
    table.loc[10, "Current_weather_condition"] = np.nan
    assert np.isnan(read(table, tmp_path).table["current_weather_condition"][10])


def test_of_repeated_hours_the_first_stands_and_it_is_said(tmp_path: Path) -> None:
    table = record(40)
    again = table.iloc[[5]].assign(Temperature_C=30.0)
    observed = read(pd.concat([table, again]), tmp_path)
    assert len(observed.table) == 40
    assert observed.table["temp_c"][5] == 10.0
    assert "1 row repeated a station's hour; the first was kept." in observed.notes


def test_missing_is_counted_as_delivered_in_dry_and_rainy_hours(tmp_path: Path) -> None:
    table = record(40)
    table.loc[:9, "Current_weather_condition"] = 1
    table.loc[5:12, "Pressure_millibars"] = np.nan
    observed = read(table, tmp_path)
    assert observed.missing == {"pressure_millibars": Missing(dry=3 / 30, rainy=5 / 10)}
    assert observed.notes == [
        "pressure_millibars was missing in 8 rows (20 %); the last value was carried forward for up to 12 h "
        "in 8 of them."
    ]


def test_a_feature_that_is_missing_throughout_is_said_so(tmp_path: Path) -> None:
    observed = read(record(40).assign(Visibility_km=np.nan), tmp_path)
    assert observed.notes == ["visibility_km was missing in every row."]
    assert observed.missing == {}
