from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from tests.reports.test_logs import LINE, lines
from weather.reports.logs import Log, read_log
from weather.reports.outcomes import calibrate, join
from weather.training.observations import BadData


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """100 hours at 10.1 degC with a chance of 0.25 and 100 at 20.1 degC with one of 0.75."""
    path = tmp_path / "data.log"
    hot = lines(100, temp_c=20.1, probability=0.75, timestamp="2026-01-01T06:59:00+00:00")
    path.write_text(lines(100, temp_c=10.1) + hot)
    return read_log([path], ["visibility_km"])


def outcomes(folder: Path, **columns: Sequence[object]) -> Path:
    path = folder / "outcomes.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_forecasts_are_joined_with_what_came(log: Log, tmp_path: Path) -> None:
    found = calibrate(log, outcomes(tmp_path, temp_c=[10.1, 20.1], rain=[0, 1]), 4)
    assert found.joined == 200
    assert found.ambiguous == 0
    assert found.brier == pytest.approx(0.25**2)
    assert found.brier_climatology == pytest.approx(0.25)
    assert found.bins[0] == (0.25, 0.0, 20)
    assert found.bins[-1] == (0.75, 1.0, 20)


def test_by_hour_alone(log: Log, tmp_path: Path) -> None:
    hours = ["2026-01-01T05:00Z", "2026-01-01T06:00Z"]
    assert calibrate(log, outcomes(tmp_path, hour=hours, rain=[0, 1]), 4).brier == pytest.approx(0.25**2)


def test_outcomes_that_contradict_each_other_are_left_out_and_counted(log: Log, tmp_path: Path) -> None:
    found = calibrate(log, outcomes(tmp_path, temp_c=[10.1, 20.1, 20.1], rain=[0, 1, 0]), 4)
    assert found.ambiguous == 2
    assert found.joined == 100
    assert found.bins[-1][0] == 0.25, "the hours of 20.1 degC are not judged by the first of their outcomes"


def test_outcomes_that_are_repeated_count_once(log: Log, tmp_path: Path) -> None:
    found = calibrate(log, outcomes(tmp_path, temp_c=[10.1, 20.1, 20.1], rain=[0, 1, 1]), 4)
    assert (found.joined, found.ambiguous) == (200, 0)


def test_fewer_digits_join(log: Log, tmp_path: Path) -> None:
    assert calibrate(log, outcomes(tmp_path, temp_c=[10.10000001], rain=[0]), 4).joined == 100


def test_a_missing_visibility_joins_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "data.log"
    path.write_text(lines(100, visibility_km=None) + lines(100, visibility_km=3.0))
    log = read_log([path], ["visibility_km"])
    found = calibrate(log, outcomes(tmp_path, visibility_km=[None, 3.0], rain=[1, 0]), 4)
    assert (found.joined, found.ambiguous) == (200, 0)
    contradictory = outcomes(tmp_path, visibility_km=[None, None, 3.0], rain=[1, 0, 0])
    assert calibrate(log, contradictory, 4).joined == 100


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"temp_c": [10.1]}, "needs a column rain"),
        ({"rain": [1]}, "and hour or features to join by"),
        ({"temp_c": [10.1], "rain": [2]}, "of 0 and 1"),
        ({"temp_c": ["warm"], "rain": [1]}, "could not convert"),
        ({"temp_c": [30.0], "rain": [1]}, "no logged forecast joins"),
    ],
)
def test_outcomes_that_can_t_be_used_are_refused(
    log: Log, columns: dict[str, list[object]], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(BadData, match=complaint):
        calibrate(log, outcomes(tmp_path, **columns), 4)


def test_a_file_that_is_not_there_is_refused(log: Log, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"nowhere\.csv can't be read"):
        calibrate(log, tmp_path / "nowhere.csv", 4)


def export(folder: Path, **changes: object) -> Path:
    """Observations of one station as the stations export them: dry, but for the hours of ``rain``."""
    rain = changes.pop("rain", ())
    assert isinstance(rain, tuple)
    hours = pd.date_range("2026-01-01", periods=48, freq="h", tz="UTC")
    table = pd.DataFrame(
        {
            "Timestamp": hours.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Location": "home",
            "Temperature_C": [10.1 + number for number in range(48)],
            "Humidity": LINE["humidity"],
            "Wind_speed_kmph": LINE["wind_speed_kmph"],
            "Wind_bearing_degrees": LINE["wind_bearing_degree"],
            "Visibility_km": "",
            "Pressure_millibars": LINE["pressure_millibars"],
            "Current_weather_condition": [int(number in rain) for number in range(48)],
        }
    ).assign(**changes)
    path = folder / "export.csv"
    table.to_csv(path, index=False)
    return path


def test_the_stations_export_says_what_came_within_the_horizon(tmp_path: Path) -> None:
    """It rains in hour 10, so rain follows hours 7 to 9 of a horizon of 3."""
    texts = [
        lines(1, temp_c=10.1 + number, current_weather_condition=0, timestamp="2026-03-09T05:00:00+00:00")
        for number in range(48)
    ]
    (tmp_path / "data.log").write_text("".join(texts))
    log = read_log([tmp_path], [], min_rows=1)
    joined = join(log.table, export(tmp_path, rain=(10,)), 3).table
    wet = joined[joined["outcome"]]
    assert wet["temp_c"].round(1).tolist() == [17.1, 18.1, 19.1]
    assert len(joined) == 48 - 1 - 3, "not the hour of rain, which was logged as dry, nor those at the end"
    assert set(joined["day"].dt.strftime("%F")) == {"2026-01-01", "2026-01-02"}, "when it was observed"
    assert joined["visibility_km"].notna().all(), "an assumed visibility is not a reason not to join"
    with pytest.raises(BadData, match="give --horizon"):
        join(log.table, export(tmp_path), None)


def test_the_day_is_that_of_the_forecast_where_the_outcomes_have_none(log: Log, tmp_path: Path) -> None:
    joined = join(log.table, outcomes(tmp_path, temp_c=[10.1], rain=[0]), None).table
    assert joined["day"].dt.strftime("%F").unique().tolist() == ["2026-01-01"]
