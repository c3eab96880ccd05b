"""CSV in parts: every row once, and rows accepted or rejected as ``POST /predict_batch`` does it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.conftest import EXAMPLE
from tests.scoring.rows import csv_file, rejections, whole
from weather.contract.faults import Fault
from weather.contract.optional import NONE
from weather.contract.variables import FEATURES, LIMITS
from weather.http.limits import MAX_FAULTS
from weather.http.problems import Problem
from weather.scoring import csv_rows
from weather.scoring.errors import NotScorable
from weather.scoring.job import Part
from weather.serving import bulk

GOOD = [str(EXAMPLE[name]) for name in FEATURES]
Floats = NDArray[np.float64]

OPTIONAL = frozenset(FEATURES[4:5])

ODD = (
    "",
    " ",
    "nan",
    "-inf",
    "1e999",
    "1_0",
    "0x1",
    "+1",
    " 1 ",
    "1.",
    ".5",
    "1e2",
    "1d2",
    "-0",
    "٣",
    '"1"',
    '"1"2',
    '1"2"',
    '"1" ',
    '" "',
)
cells = st.one_of(
    *(st.sampled_from(ODD),) * 2,
    st.floats(-1100, 1100).map(repr),
    st.integers(-5, 5).map(str),
    st.text("0123456789.+-eE ", max_size=5),
)
changes = st.lists(st.tuples(st.integers(0, len(FEATURES) - 1), cells), max_size=2)
whole_rows = changes.map(lambda found: [dict(found).get(i, cell) for i, cell in enumerate(GOOD)])
lines = st.one_of(
    *(whole_rows.map(",".join),) * 4,
    st.lists(cells, max_size=len(FEATURES) + 2).map(",".join),
    st.sampled_from(["", "  ", ","]),
)


def of_api(body: bytes, optional: frozenset[str]) -> Floats | list[Fault]:
    try:
        return asyncio.run(bulk.parse(body, bulk.CSV, optional)).rows
    except Problem as problem:
        return list(problem.detail)


def as_rejection(fault: Fault) -> tuple[int, str, str]:
    return int(fault.loc[1]), str(fault.loc[2]) if len(fault.loc) > 2 else "", fault.msg


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(lines, min_size=1, max_size=6),
    st.sampled_from([NONE, OPTIONAL]),
    st.sampled_from(["\n", "\r\n"]),
)
@example([",".join(["+1.5", *GOOD[1:]]), ",".join(GOOD)], NONE, "\n")
@example(["", '""', '" "', ",".join(GOOD), "1,2"], NONE, "\n")
def test_rows_are_accepted_and_rejected_with_the_sentences_of_the_api(
    tmp_path: Path, rows: list[str], optional: frozenset[str], end: str
) -> None:
    body = end.join([",".join(FEATURES), *rows]) + end
    path = tmp_path / "rows.csv"
    path.write_bytes(body.encode())
    expected = of_api(body.encode(), optional)
    faults = expected if isinstance(expected, list) else []
    assume("list_length" not in {fault.type for fault in faults})  # no rows at all
    try:
        found = list(csv_rows.chunks(path, whole(path), [], optional))
    except NotScorable:
        # The API says so of the body too, unless it has told of enough other faults before.
        assert "csv_invalid" in {fault.type for fault in faults} or len(faults) == MAX_FAULTS
        return
    assume(any(chunk.count for chunk in found))
    if faults:
        assert rejections(found)[:MAX_FAULTS] == [as_rejection(fault) for fault in faults]
    else:
        assert rejections(found) == []
        np.testing.assert_array_equal(np.concatenate([chunk.rows for chunk in found]), expected)


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 10**6])
def test_each_row_is_in_one_part_however_the_file_is_cut(size: int, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "rows.csv", 60)
    end = path.stat().st_size
    found = [
        csv_rows.chunks(
            path, Part(number=0, source=0, start=start, stop=min(end, start + size)), ["note"], NONE
        )
        for start in range(0, end, size)
    ]
    rows = np.concatenate([chunk.rows for part in found for chunk in part])
    np.testing.assert_array_equal(rows, next(iter(csv_rows.chunks(path, whole(path), [], NONE))).rows)


def test_small_blocks_give_the_same_rows_and_row_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv_file(tmp_path / "rows.csv", 100, FEATURES)
    bad = ",".join([str(LIMITS[FEATURES[0]][1] + 1), *GOOD[1:]])
    text = path.read_text().splitlines()
    path.write_text("\n".join([*text[:41], bad, "", *text[41:90], "1", bad, *text[90:]]))
    expected = list(csv_rows.chunks(path, whole(path), [], NONE))
    assert len(expected) == 1
    monkeypatch.setattr(csv_rows, "BLOCK", 100)
    found = list(csv_rows.chunks(path, whole(path), [], NONE))
    assert len(found) > 20
    assert rejections(found) == rejections(expected)
    assert [row for row, _, _ in rejections(found)] == [40, 90, 91]
    np.testing.assert_array_equal(np.concatenate([chunk.rows for chunk in found]), expected[0].rows)


@pytest.mark.parametrize(
    "middle",
    [
        b'%s,"a\nb"',  # a line break within quotes
        b'%s,"never closed',
        b'%s,"1"2',
        b'%s,"1" ',
        b'%s,"a,"b"',
        b'%s,5" x,"a\nb"',
        b"%s,a\rb",
        b'%s,"a\n%s\n%s,"b',  # what lies within the quotes looks like a row
    ],
)
def test_lines_that_only_seem_to_be_rows_are_refused(middle: bytes, tmp_path: Path) -> None:
    good = ",".join(GOOD).encode()
    path = tmp_path / "rows.csv"
    header = ",".join([*FEATURES, "note"]).encode()
    path.write_bytes(b"\n".join([header, good + b",x", middle.replace(b"%s", good), good + b",y", b""]))
    with pytest.raises(NotScorable, match=r"bytes [\d,]+ to [\d,]+: there is a line break within quotes"):
        list(csv_rows.chunks(path, whole(path), ["note"], NONE))


def test_text_that_is_not_utf8_is_refused_also_in_columns_that_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(",".join([*FEATURES, "note"]).encode() + b"\n" + ",".join(GOOD).encode() + b",K\xf6ln\n")
    with pytest.raises(NotScorable, match="not UTF-8"):
        list(csv_rows.chunks(path, whole(path), [], NONE))


def test_a_file_without_line_breaks_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x" * (csv_rows.MAX_LINE + 1))
    with pytest.raises(NotScorable, match="a line of more than 1,048,576 bytes"):
        csv_rows.header_of(path)
