from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.weather_records import read, record
from weather.contract.variables import FEATURES
from weather.training import sources
from weather.training.observations import BadData
from weather.training.samples import samples
from weather.training.sources import from_csv, from_isd_lite, new_york_2013


def column(name: str) -> int:
    return FEATURES.index(name)


def test_the_default_data_keep_their_rain_although_pressure_is_missing() -> None:
    observed = new_york_2013()
    pressure = observed.missing["pressure_millibars"]
    assert pressure.rainy > 5 * pressure.dry
    labelled = samples(observed, 4)
    assert labelled.rain_now.mean() == pytest.approx(0.067, abs=0.002)
    assert labelled.x[:, column("pressure_millibars")].min() > 900
    assert labelled.x[:, column("wind_speed_kmph")].max() < 100
    assert labelled.x[:, column("wind_bearing_degree")].min() >= 0
    assert labelled.x[:, column("wind_bearing_degree")].max() <= 360


def test_a_label_column_in_the_file_is_ignored_and_said_so(tmp_path: Path) -> None:
    observed = read(record(40).assign(Future_weather_condition=1), tmp_path)
    assert not samples(observed, 1).y.any()
    assert any("Future_weather_condition was ignored" in note for note in observed.notes)


def test_a_file_without_visibility_is_read(tmp_path: Path) -> None:
    observed = read(record(40).drop(columns="Visibility_km"), tmp_path)
    assert observed.table["visibility_km"].isna().all()
    assert "There is no column Visibility_km." in observed.notes


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda t: t.drop(columns="Humidity"), "lacks the column.* Humidity"),
        (lambda t: t.assign(Humidity="wet"), "Humidity holds something that is not a number"),
        (lambda t: t.assign(Timestamp="2024-05-77"), "Timestamp holds something that is not a time"),
        (lambda t: t.assign(Timestamp="noon"), "row 1: Timestamp must begin with the year"),
        (lambda t: t.assign(Timestamp="01/05/2024 13:00"), "nobody can tell day from month"),
        (lambda t: t.assign(Timestamp=1714568400), "Timestamp must begin with the year"),
        (lambda t: t.assign(Current_weather_condition=3), "must be 0 or 1"),
        (lambda t: t.iloc[:0], "no row"),
    ],
)
def test_bad_files_are_refused_by_column(spoil, complaint: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadData, match=complaint):
        samples(read(spoil(record(20)), tmp_path), 1)


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_named(separator: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    record(20).to_csv(path, index=False, sep=separator)
    with pytest.raises(BadData, match=f"is separated by {word}: separate the columns by commas"):
        from_csv(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"nowhere\.csv can't be read"):
        from_csv(tmp_path / "nowhere.csv")


ISD_LITE = """\
2015 01 01 00   200   100 10243   240    62     2 -9999 -9999
2015 01 01 01   -78  -172 10234   230    57     2    -1 -9999
2015 01 01 02   -78   -70 -9999 -9999    77     2     3    14
"""


@pytest.mark.parametrize("zipped", [True, False])
def test_isd_lite_is_read_in_the_contracts_units(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / ("725300-2015.gz" if zipped else "725300-2015")
    path.write_bytes(gzip.compress(ISD_LITE.encode()) if zipped else ISD_LITE.encode())
    observed = sources.read([path])
    table = observed.table
    assert observed.name == "ISD-Lite: 725300, 2015-2015"
    assert table["station"].unique().tolist() == ["725300"]
    assert table["hour"][2] == pd.Timestamp("2015-01-01T02")
    assert table["temp_c"].tolist() == [20.0, -7.8, -7.8]
    # The saturation vapour pressure over water is 12.27 hPa at 10 degC and 23.37 hPa at 20 degC.
    assert table["humidity"][0] == pytest.approx(12.27 / 23.37, abs=0.002)
    assert table["humidity"][2] == 1, "a dew point above the temperature is saturation"
    assert table["wind_speed_kmph"][0] == pytest.approx(6.2 * 3.6)
    assert table["wind_bearing_degree"].tolist() == [240, 230, 230], "the last one stands"
    assert table["pressure_millibars"].tolist() == [1024.3, 1023.4, 1023.4]
    assert table["visibility_km"].isna().all()
    rain = table["current_weather_condition"].tolist()
    assert np.isnan(rain[0])
    assert rain[1:] == [0, 1], "a trace is not measurable"


def test_years_of_isd_lite_are_one_record(tmp_path: Path) -> None:
    for year in (2015, 2016):
        (tmp_path / f"725300-{year}").write_text(ISD_LITE.replace("2015 ", f"{year} "))
    observed = sources.read([tmp_path / "725300-2016", tmp_path / "725300-2015"])
    assert observed.name == "ISD-Lite: 725300, 2015-2016"
    assert observed.table["hour"].is_monotonic_increasing
    assert len(observed.table) == 6


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (ISD_LITE + "2015 01 01 03 -78\n", "line 4, is not a line of ISD-Lite"),
        (ISD_LITE.replace("2015 01 01 02", "2015 13 01 02"), "an hour that does not exist"),
    ],
)
def test_bad_isd_lite_is_refused(content: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "725300-2015"
    path.write_text(content)
    with pytest.raises(BadData, match=complaint):
        sources.read([path])


def test_what_can_t_be_unzipped_or_is_empty_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "725300-2015.gz"
    path.write_bytes(gzip.compress(ISD_LITE.encode())[:40])
    with pytest.raises(BadData, match=r"725300-2015\.gz can't be read"):
        sources.read([path])
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(BadData, match="is empty"):
        from_isd_lite([path])


def test_several_csv_files_are_refused(tmp_path: Path) -> None:
    read(record(20), tmp_path)
    with pytest.raises(BadData, match="several files at once must be"):
        sources.read([tmp_path / "weather.csv", tmp_path / "weather.csv"])
