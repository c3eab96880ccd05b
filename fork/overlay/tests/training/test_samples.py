"""What training accepts of a CSV file, and what it says of the rest."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

from weather.contract.variables import BINARY, EXAMPLE, FEATURES, LIMITS, NEGATIVE, POSITIVE
from weather.training import samples
from weather.training.samples import BadData, read
from weather.training.target import COLUMNS, OPTIONAL, TARGET

NUMERIC = [name for name in FEATURES if name not in BINARY]
FIELD = NUMERIC[0]
ROWS = 40


@pytest.fixture(autouse=True)
def class_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class words in the target's column, whatever the project's own data has there."""
    monkeypatch.setattr(samples, "POSITIVE_VALUES", None)
    monkeypatch.setattr(samples, "AT_LEAST", None)


def table() -> list[dict[str, object]]:
    """Rows within the accepted ranges, half of each class, with two values at least in each column."""
    share = np.linspace(0, 1, ROWS)
    return [
        {
            COLUMNS[name]: round(part) if name in BINARY else LIMITS[name][0] + part * np.ptp(LIMITS[name])
            for name in FEATURES
        }
        | {TARGET: POSITIVE if part > 0.5 else NEGATIVE}
        for part in share
    ]


def written(folder: Path, rows: list[dict[str, object]], separator: str = ",") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    path = folder / "data.csv"
    path.write_text(text.getvalue())
    return path


@pytest.mark.parametrize("separator", [",", ";"])
def test_rows_are_in_the_order_of_the_fields_whatever_the_columns_order(tmp_path: Path, separator: str) -> None:
    rows = [dict(reversed(row.items())) for row in table()]
    data = read(written(tmp_path, rows, separator))
    assert data.x.tolist() == [[row[COLUMNS[name]] for name in FEATURES] for row in table()]
    assert data.y.tolist() == [False] * (ROWS // 2) + [True] * (ROWS // 2)
    assert data.left_out == {}


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    column = COLUMNS[FIELD]
    rows = [{name: value for name, value in row.items() if name != column} for row in table()]
    with pytest.raises(BadData, match=f"has no column {re.escape(column)}; its columns are"):
        read(written(tmp_path, rows))


def test_a_cell_that_is_no_number_is_named_with_its_line(tmp_path: Path) -> None:
    rows = table()
    rows[3][COLUMNS[FIELD]] = "a lot"
    with pytest.raises(BadData, match=f"line 5: {re.escape(COLUMNS[FIELD])} is 'a lot', which is not a number"):
        read(written(tmp_path, rows))


def test_rows_out_of_range_or_incomplete_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [*table(), *table()]
    low, high = LIMITS[FIELD]
    rows[0][COLUMNS[FIELD]] = high + 1
    rows[1][TARGET] = "NA"
    data = read(written(tmp_path, rows))
    assert len(data.x) == len(data.y) == 2 * ROWS - 2
    assert data.left_out == {
        f"{COLUMNS[FIELD]} is outside of {low:g} to {high:g}": 1,
        f"{TARGET} is missing": 1,
    }


@pytest.mark.parametrize("name", FEATURES)
def test_a_row_without_a_value_is_left_out_unless_the_field_is_optional(tmp_path: Path, name: str) -> None:
    rows = [*table(), *table()]
    rows[0][COLUMNS[name]] = ""
    data = read(written(tmp_path, rows))
    if name in OPTIONAL:
        assert np.isnan(data.x).nonzero() == (np.array([0]), np.array([FEATURES.index(name)]))
    else:
        assert data.left_out == {f"{COLUMNS[name]} is missing": 1}


def test_a_file_in_another_unit_is_refused_with_the_column(tmp_path: Path) -> None:
    rows = table()
    for row in rows:
        row[COLUMNS[FIELD]] = LIMITS[FIELD][1] + 1
    with pytest.raises(BadData, match=f"most rows can't be used .{re.escape(COLUMNS[FIELD])} is outside of"):
        read(written(tmp_path, rows))


def test_more_than_two_classes_are_refused(tmp_path: Path) -> None:
    rows = table()
    rows[0][TARGET] = "Maybe"
    with pytest.raises(BadData, match=f"has 3 values .* the two classes {NEGATIVE} and {POSITIVE}"):
        read(written(tmp_path, rows))


@pytest.mark.parametrize(("zero", "one"), [("0", "1"), (NEGATIVE, POSITIVE)])
def test_classes_may_be_words_or_0_and_1(tmp_path: Path, zero: str, one: str) -> None:
    rows = [row | {TARGET: one if row[TARGET] == POSITIVE else zero} for row in table()]
    assert read(written(tmp_path, rows)).y.sum() == ROWS // 2


def test_values_and_a_limit_can_mean_the_positive_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row | {TARGET: number % 4} for number, row in enumerate([*table(), *table()])]
    path = written(tmp_path, rows)
    monkeypatch.setattr(samples, "AT_LEAST", 2.0)
    assert read(path).y.tolist() == [number % 4 >= 2 for number in range(2 * ROWS)]
    monkeypatch.setattr(samples, "AT_LEAST", None)
    monkeypatch.setattr(samples, "POSITIVE_VALUES", ("1", "3"))
    assert read(path).y.tolist() == [number % 2 == 1 for number in range(2 * ROWS)]


def test_too_few_rows_of_a_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=f"19 rows are {POSITIVE}; at least 20 of each class are needed"):
        read(written(tmp_path, table()[:-1]))


def test_a_column_with_one_value_is_refused(tmp_path: Path) -> None:
    rows = [row | {COLUMNS[FIELD]: EXAMPLE[FIELD]} for row in table()]
    with pytest.raises(BadData, match=f"{re.escape(COLUMNS[FIELD])} has no two different values"):
        read(written(tmp_path, rows))


def test_the_placeholder_says_so() -> None:
    data = samples.placeholder()
    assert data.placeholder
    assert "placeholder" in data.name
    low, high = np.array([LIMITS[name] for name in FEATURES]).T
    assert ((low <= data.x) & (data.x <= high)).all()
