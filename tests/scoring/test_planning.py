"""Files, columns and parts, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.scoring.rows import csv_file, parquet_file
from weather.contract.optional import NONE
from weather.contract.variables import FEATURES
from weather.scoring.errors import NotScorable
from weather.scoring.planning import columns_of, files, format_of

FIRST = FEATURES[0]


def with_text(old: str, new: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(csv_file(path, 3).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: path.write_text(""), "is empty"),
        (lambda path: path.write_text(",".join(FEATURES) + "\n"), "has a header and no rows"),
        (
            lambda path: path.write_text("a,b\n1,2\n"),
            f"has no column {', '.join(FEATURES)}; its columns are a, b",
        ),
        (lambda path: csv_file(path, 3, (*FEATURES, FIRST)), f"has several columns {FIRST}"),
        (
            lambda path: path.write_bytes(csv_file(path, 3).read_text().encode("utf-16")),
            "is not CSV in UTF-8",
        ),
        (with_text("note", "probability"), "has a column probability already: name the others to keep"),
        (lambda path: path.mkdir(), "can't be read: Is a directory"),
    ],
)
def test_csv_files_that_are_refused(make: Callable[[Path], object], complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    make(path)
    with pytest.raises(NotScorable) as refused:
        columns_of([path], "csv", None, NONE)
    assert str(refused.value).startswith(str(path))
    assert complaint in str(refused.value)


def test_columns_are_kept_by_name_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "rows.csv", 3, ("note", *FEATURES, "station"))
    assert columns_of([path], "csv", None, NONE) == ["note", *FEATURES, "station"]
    assert columns_of([path], "csv", ["station", "note"], NONE) == ["note", "station"]
    assert columns_of([path], "csv", [], NONE) == []
    with pytest.raises(NotScorable, match="has no column city, which is to be kept"):
        columns_of([path], "csv", ["station", "city"], NONE)


def test_an_optional_field_needs_no_column(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "rows.csv", 3, FEATURES[1:])
    assert columns_of([path], "csv", None, frozenset([FIRST])) == list(FEATURES[1:])


def test_files_have_the_same_columns_and_types(tmp_path: Path) -> None:
    more, fewer = csv_file(tmp_path / "more.csv", 3), csv_file(tmp_path / "fewer.csv", 3, FEATURES)
    with pytest.raises(NotScorable, match=r"fewer\.csv has no column station, note, which is to be kept"):
        columns_of([more, fewer], "csv", None, NONE)
    with pytest.raises(
        NotScorable, match=r"more\.csv has the column station, note, which .*fewer\.csv has not"
    ):
        columns_of([fewer, more], "csv", None, NONE)
    assert columns_of([fewer, more], "csv", [FIRST], NONE) == [FIRST]
    text = parquet_file(tmp_path / "1.parquet", 3)
    number = parquet_file(tmp_path / "2.parquet", 3, station=pa.array([1, 2, 3]))
    with pytest.raises(NotScorable, match=r"2\.parquet: the column station is int64, in .* string"):
        columns_of([text, number], "parquet", None, NONE)


def test_patterns_and_names_give_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    found = [tmp_path / name for name in ("b.csv", "a.csv", "deep/c.csv", "odd[1].csv")]
    for path in found:
        path.touch()
    monkeypatch.chdir(tmp_path)
    assert files(["b.csv", "*.csv"]) == [found[0], found[1], found[3]]
    assert files(["**/c.csv", "odd[1].csv"]) == found[2:]
    with pytest.raises(NotScorable, match=r"there is no file x\*\.csv"):
        files(["b.csv", "x*.csv"])


def test_one_format_at_a_time() -> None:
    assert format_of([Path("a.PARQUET"), Path("b.parquet")]) == "parquet"
    with pytest.raises(NotScorable, match="the inputs are CSV and Parquet"):
        format_of([Path("a.csv"), Path("b.parquet")])
    with pytest.raises(NotScorable, match=r"a\.csv\.gz ends neither in \.csv nor in \.parquet"):
        format_of([Path("a.csv.gz")])
