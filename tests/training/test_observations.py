from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.weather_records import read, record
from weather.training.observations import LONGEST_GAP_HOURS, BadData, Missing
from weather.training.samples import samples


def test_zero_pressure_is_missing_and_the_last_value_stands(tmp_path: Path) -> None:
    table = record(40)
    table.loc[10, "Pressure_millibars"] = 0
    observed = read(table, tmp_path)
    assert observed.table["pressure_millibars"][10] == observed.table["pressure_millibars"][9]
    assert "1 value of pressure_millibars outside 860 … 1090 counted as missing." in observed.notes


@pytest.mark.parametrize(
    ("column", "factor", "sentence"),
    [
        ("Humidity", 100, "40 values of humidity of 40 can't be; is it another unit.* a fraction from"),
        ("Visibility_km", 1000, "of visibility_km of 40 .* Give a number from 0 to 100 km"),
        ("Pressure_millibars", 0.1, "of pressure_millibars"),
    ],
)
def test_another_unit_is_refused_by_column(column: str, factor: float, sentence: str, tmp_path: Path) -> None:
    table = record(40)
    table[column] *= factor
    with pytest.raises(BadData, match=sentence):
        read(table, tmp_path)
    table[column] = 0.0  # as the old system writes that there is none
    assert len(read(table, tmp_path).table) == 40


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
    assert (pressure[20 : 20 + LONGEST_GAP_HOURS] == pressure[19]).all()
    assert pressure[20 + LONGEST_GAP_HOURS : 41].isna().all()
    without_hours = table.drop(index=range(20, 32))  # the same hours, fewer rows
    assert read(without_hours, tmp_path).table["pressure_millibars"][20:29].isna().all()


def test_hours_out_of_reach_of_a_value_are_left_out(tmp_path: Path) -> None:
    table = record(60)
    table.loc[20:40, "Pressure_millibars"] = np.nan
    labelled = samples(read(table, tmp_path), horizon=1)
    first = np.datetime64("2020-01-06T00", "h")
    assert not np.isin(labelled.hour, first + np.arange(20 + LONGEST_GAP_HOURS, 41)).any()


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
