"""Parquet in parts: nulls, other types of numbers, damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import EXAMPLE
from tests.scoring.rows import parquet_file, rejections
from weather.contract.faults import accepted
from weather.contract.optional import NONE
from weather.contract.variables import FEATURES
from weather.scoring import parquet_rows
from weather.scoring.chunks import Chunk
from weather.scoring.errors import NotScorable
from weather.scoring.job import Part

FIRST, SECOND = FEATURES[:2]


def read(path: Path, optional: frozenset[str] = NONE, columns: list[str] | None = None) -> list[Chunk]:
    groups = len(parquet_rows.groups_of(path))
    part = Part(number=0, source=0, start=0, stop=groups)
    return list(parquet_rows.chunks(path, part, columns or [], optional))


def test_null_is_missing_and_nan_is_no_number(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "x.parquet", 3, **{FIRST: pa.array([None, float("nan"), 5.0])})
    assert rejections(read(path)) == [
        (0, FIRST, f"{FIRST} is missing: give {accepted(FIRST)}"),
        (1, FIRST, f"{FIRST} is not a finite number: give {accepted(FIRST)}"),
    ]
    chunks = read(path, frozenset([FIRST]))
    assert [row for row, _, _ in rejections(chunks)] == [1]
    assert np.isnan(chunks[0].rows[:, 0]).tolist() == [True, False]


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float32(), pa.decimal128(21, 2)])
def test_any_type_of_number_is_taken(kind: pa.DataType, tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "x.parquet", 2, **{FIRST: pa.array([5, 100]).cast(kind)})
    chunks = read(path)
    assert chunks[0].rows[:, 0].tolist() == [5.0]
    assert rejections(chunks) == [(1, FIRST, f"{FIRST} is out of range: give {accepted(FIRST)}")]


@pytest.mark.parametrize("values", [["5", "6"], [True, False]])
def test_text_and_truth_values_are_no_numbers(values: list[object], tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "x.parquet", 2, **{FIRST: pa.array(values)})
    with pytest.raises(NotScorable, match=f"the column {FIRST} holds (string|bool), not numbers"):
        parquet_rows.schema_of(path)


def test_an_optional_column_may_be_absent(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "x.parquet", 2, **{SECOND: pa.nulls(2)})
    assert len(rejections(read(path))) == 2
    assert np.isnan(read(path, frozenset([SECOND]))[0].rows[:, 1]).all()


def test_columns_are_kept_as_they_are(tmp_path: Path) -> None:
    lists = pa.array([[1, 2], None])
    path = parquet_file(tmp_path / "x.parquet", 2, more=lists)
    kept = read(path, columns=["station", "more", FIRST])[0].kept
    assert kept.column("more").combine_chunks().equals(lists)
    assert kept.column_names == ["station", "more", FIRST]


def test_damage_is_one_sentence(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "x.parquet", 3000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(NotScorable, match=r"x\.parquet can't be read as Parquet: .*magic bytes"):
        parquet_rows.schema_of(path)
    path.write_bytes(content[:100] + bytes(len(content) // 2) + content[len(content) // 2 + 100 :])
    with pytest.raises(NotScorable, match=r"x\.parquet, row groups 0 to 2, can't be read: "):
        read(path)
    assert EXAMPLE.keys() == set(FEATURES)
