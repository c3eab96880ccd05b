from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import EXAMPLE
from weather.contract.variables import FEATURES
from weather.reports.logs import MIN_ROWS, read_log
from weather.training.observations import BadData

LINE = {
    **EXAMPLE,
    "probability": 0.25,
    "prediction": "No_Rain",
    "timestamp": "2026-01-01T05:30:00+00:00",
    "model": "weather-classifier:abc",
}


def lines(count: int = MIN_ROWS, **changes: object) -> str:
    return f"{json.dumps({**LINE, **changes})}\n" * count


def test_good_lines_are_rows(tmp_path: Path) -> None:
    (tmp_path / "data.1.log").write_text(lines() + lines(3, prediction="Rain", probability=None))
    log = read_log([tmp_path], [])
    assert log.x.shape == (MIN_ROWS + 3, len(FEATURES))
    assert dict(zip(FEATURES, log.x[0].tolist(), strict=True)) == EXAMPLE
    assert log.probability.tolist() == [0.25] * MIN_ROWS
    assert log.table["rain"].sum() == 3
    assert str(log.table["time"][0]) == "2026-01-01 05:30:00+00:00"
    assert log.malformed == 0


@pytest.mark.parametrize(
    "bad",
    [
        lines(1, temp_c=1000),
        lines(1, temp_c="warm"),
        lines(1, humidity=None),
        lines(1, prediction="Sun"),
        lines(1, probability=1.5),
        lines(1, timestamp="noon"),
        '{"temp_c": 1\n',
        "[]\n",
        "not json\n",
    ],
)
def test_malformed_lines_are_counted_and_left_out(bad: str, tmp_path: Path) -> None:
    (tmp_path / "data.log").write_text(lines() + bad)
    log = read_log([tmp_path / "data.log"], [])
    assert len(log.table) == MIN_ROWS
    assert log.malformed == 1


def test_null_is_missing_in_an_optional_field_alone(tmp_path: Path) -> None:
    (tmp_path / "data.log").write_text(lines() + lines(7, visibility_km=None))
    assert read_log([tmp_path], []).malformed == 7
    log = read_log([tmp_path], ["visibility_km"])
    assert log.malformed == 0
    assert np.isnan(log.x[:, FEATURES.index("visibility_km")]).sum() == 7


def test_files_below_a_folder_are_found_and_others_are_not(tmp_path: Path) -> None:
    deep = tmp_path / "rain_forecast" / "data"
    deep.mkdir(parents=True)
    (deep / "data.1.log").write_text(lines())
    (deep / "schema.1.log").write_text("{}\n")
    assert read_log([tmp_path], []).malformed == 0
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="there is no log file"):
        read_log([tmp_path / "empty"], [])
    with pytest.raises(BadData, match=r"nowhere\.log can't be read"):
        read_log([tmp_path / "nowhere.log"], [])


def test_too_few_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.log").write_text(lines(MIN_ROWS - 1) + "x\n")
    with pytest.raises(BadData, match="99 good lines and 1 malformed line: at least 100 good ones"):
        read_log([tmp_path], [])
