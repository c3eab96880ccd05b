"""The fast ways through a bulk body give the rows that the careful ones give, or leave the body to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.fixtures.contract import beyond
from weather.contract.optional import NONE
from weather.contract.variables import BINARY, EXAMPLE, FEATURES, LIMITS, MAX_ROWS, NEGATIVE, POSITIVE
from weather.http.problems import Problem
from weather.serving import bulk_csv, bulk_csv_lines, bulk_json, bulk_rows
from weather.serving.bulk import CSV, JSON, Answers, next_size, write

OPTIONAL = frozenset(FEATURES[-2:])
ROW = [EXAMPLE[name] for name in FEATURES]


@pytest.fixture(autouse=True, scope="module")
def _short_pieces() -> Iterator[None]:
    """So that bodies of a few rows are cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk_rows, "PIECE_LENGTH", 40)
        yield


def value_of(name: str) -> st.SearchStrategy[str]:
    """Spellings of numbers of a field's range."""
    low, high = LIMITS[name]
    if name in BINARY:
        return st.sampled_from(["0", "1", "0.0", "1.0", "1e0", "-0"])
    number = st.floats(low, high)
    return st.one_of(
        number.map(repr),
        number.map(lambda x: f"{x:.3e}"),
        number.map(lambda x: f"{x:.25f}"),
        st.integers(int(np.ceil(low)), int(high)).map(str),
    )


ODD = [
    *("", " ", "null", "true", "nan", "NaN", "Infinity", "1e999", "-1e999", "1e-400", "-0", "-0.0", "+1"),
    *(".5", "5.", "01", "1_0", "0x1", "1 2", '"1"', '"}"', "[]", "{}", "٣", "9" * 400, "1,2", "}", "]"),
    *("1}, {", "\r", "0.5", "1e-10"),
]

FAMILIES = st.sampled_from([NONE, OPTIONAL])
SPACE = st.sampled_from(["", " ", "\n", "\r\n "])


@st.composite
def cells(draw: st.DrawFn) -> list[str]:
    """The values of a record as text, seldom an odd one."""
    row = [draw(value_of(name)) for name in FEATURES]
    if draw(st.integers(0, 5)) == 0:
        row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(ODD))
    return row


@st.composite
def json_bodies(draw: st.DrawFn) -> bytes:
    records = []
    for row in draw(st.lists(cells(), max_size=6)):
        fields = list(zip(FEATURES, row, strict=True))
        match draw(st.integers(0, 12)):
            case 0:
                fields = draw(st.permutations(fields))
            case 1:
                fields = fields[:-1]
            case 2:
                fields.append(("dewpoint", "1"))
            case 3:
                fields.append((FEATURES[0], "0.5"))
        colon = draw(SPACE)
        pairs = (f'"{name}"{colon}:{value}' for name, value in fields)
        records.append("{" + f",{colon}".join(pairs) + "}")
    separator = draw(SPACE) + draw(st.sampled_from([",", ",", ",", ",", "", ",,", "]", "}"])) + draw(SPACE)
    tail = draw(st.sampled_from(["]}", "]}", "] }\n", "]}", "],}", ',"more":1}', "]}}", ""]))
    return ('{"observations":[' + draw(SPACE) + separator.join(records) + draw(SPACE) + tail).encode()


@st.composite
def tables(draw: st.DrawFn) -> str:
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = [",".join(row) for row in draw(st.lists(cells(), max_size=6))]
    if draw(st.integers(0, 5)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(["", " ", "1,2", "," * 6])))
    return end.join(lines) + draw(st.sampled_from(["", end, end + end]))


def outcome(parsing: Any) -> Any:
    """The rows, or the refusal."""
    try:
        return asyncio.run(parsing)
    except Problem as problem:
        return problem.error, problem.detail


def same(fast: NDArray[np.float64], careful: Any) -> None:
    assert isinstance(careful, np.ndarray), careful
    np.testing.assert_array_equal(fast, careful)


@given(json_bodies(), FAMILIES)
def test_json_in_pieces_gives_the_rows_of_validated_records(body: bytes, optional: frozenset[str]) -> None:
    fast = asyncio.run(bulk_json.parse_pieces(body, optional))
    if fast is not None:
        same(fast, outcome(bulk_json.validate(body, optional)))


@given(tables(), FAMILIES)
def test_csv_in_pieces_gives_the_rows_of_validated_lines(lines: str, optional: frozenset[str]) -> None:
    fast = asyncio.run(bulk_csv.parse_pieces(lines, FEATURES, optional))
    if fast is not None:
        same(fast, outcome(bulk_csv_lines.parse_lines(lines, list(FEATURES), optional)))


def as_json(rows: Sequence[Sequence[object]]) -> bytes:
    records = [dict(zip(FEATURES, row, strict=True)) for row in rows]
    return json.dumps({"observations": records}).encode()


def as_csv(rows: Sequence[Sequence[object]]) -> bytes:
    lines = [",".join("" if value is None else str(value) for value in row) for row in rows]
    return "\n".join([",".join(FEATURES), *lines]).encode()


def refuse(*_: object) -> Any:
    raise AssertionError("an ordinary body is validated row by row")


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    ("write_body", "parse"), [(as_json, bulk_json.parse_json), (as_csv, bulk_csv.parse_csv)]
)
def test_ordinary_bodies_take_the_fast_way(
    monkeypatch: pytest.MonkeyPatch, write_body: Any, parse: Any, missing: bool
) -> None:
    monkeypatch.setattr(bulk_json, "validate", refuse)
    monkeypatch.setattr(bulk_csv, "parse_lines", refuse)
    last = [*ROW[:-2], None, None] if missing else ROW
    rows = asyncio.run(parse(write_body([ROW] * 50 + [last]), OPTIONAL if missing else NONE))
    assert rows[:50].tolist() == [ROW] * 50
    assert np.isnan(rows[50]).tolist() == [value is None for value in last]


def test_fields_that_are_absent_in_some_records_are_missing_there() -> None:
    lacking = dict(zip(FEATURES[:-1], ROW[:-1], strict=True))
    body = json.dumps({"observations": [{**lacking, FEATURES[-1]: ROW[-1]}, lacking]}).encode()
    rows = asyncio.run(bulk_json.parse_pieces(body, OPTIONAL))
    assert rows is not None
    np.testing.assert_array_equal(rows, [ROW, [*ROW[:-1], np.nan]])


def test_a_missing_value_does_not_excuse_another_rows_fault() -> None:
    for parse, body in (
        (bulk_json.parse_json, as_json([[*ROW[:-1], None], [*ROW[:-1], beyond(FEATURES[-1])]])),
        (bulk_csv.parse_csv, as_csv([[*ROW[:-1], None], [*ROW[:-1], beyond(FEATURES[-1])]])),
    ):
        with pytest.raises(Problem) as problem:
            asyncio.run(parse(body, OPTIONAL))
        assert [fault.loc for fault in problem.value.detail] == [["observations", 1, FEATURES[-1]]]


@pytest.mark.parametrize("parse", [bulk_json.parse_json, bulk_csv.parse_csv])
def test_too_many_rows_are_counted(parse: Any) -> None:
    rows = [ROW] * (MAX_ROWS + 1)
    with pytest.raises(Problem, match="10,001 observations"):
        asyncio.run(parse(as_json(rows) if parse is bulk_json.parse_json else as_csv(rows)))


@pytest.mark.parametrize("quoted", ['"{0}"', '"{0}\n"', '" {0}"'])
def test_quoted_numbers_are_read_wherever_their_cells_end(quoted: str) -> None:
    row = [quoted.format(value) for value in ROW]
    assert asyncio.run(bulk_csv.parse_csv(as_csv([row] * 20))).tolist() == [ROW] * 20


@pytest.mark.parametrize("cell", ['"1"2', '"1', '"1\n2"', '1"2"', '"1""2"'])
@pytest.mark.parametrize("optional", [NONE, OPTIONAL])
def test_quotes_that_end_within_a_number_are_refused(cell: str, optional: frozenset[str]) -> None:
    """Read as 12 it would be another number; a missing value in another row changes nothing."""
    rows = [[*ROW[:-1], None if optional else ROW[-1]], [cell, *ROW[1:]]]
    with pytest.raises(Problem):
        asyncio.run(bulk_csv.parse_csv(as_csv(rows), optional))


def test_lines_of_spaces_are_no_observations() -> None:
    body = as_csv([ROW]) + b"\n  \n" + as_csv([ROW]).partition(b"\n")[2] + b"\n \n"
    assert asyncio.run(bulk_csv.parse_csv(body)).tolist() == [ROW, ROW]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**6)), min_size=1, max_size=30))
def test_what_is_written_reads_back(forecasts: list[tuple[bool, int]]) -> None:
    decisions = [decision for decision, _ in forecasts]
    probabilities = [millionths / 10**6 for _, millionths in forecasts]
    read = json.loads(asyncio.run(write(Answers(decisions, probabilities, JSON))))["forecasts"]
    assert [f["probability"] for f in read] == probabilities
    assert [f["prediction"] == POSITIVE for f in read] == decisions
    header, *lines = asyncio.run(write(Answers(decisions, probabilities, CSV))).decode().splitlines()
    assert header == "prediction,probability"
    assert [(label == POSITIVE, float(p)) for label, p in (line.split(",") for line in lines)] == list(
        zip(decisions, probabilities, strict=True)
    )


def test_without_calibration_probabilities_are_null_and_empty() -> None:
    assert json.loads(asyncio.run(write(Answers([True, False], [None, None], JSON)))) == {
        "forecasts": [
            {"prediction": POSITIVE, "probability": None},
            {"prediction": NEGATIVE, "probability": None},
        ]
    }
    csv = asyncio.run(write(Answers([True, False], [None, None], CSV)))
    assert csv.decode() == f"prediction,probability\n{POSITIVE},\n{NEGATIVE},\n"


@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_a_foreign_models_nan_is_not_written(media_type: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        asyncio.run(write(Answers([True, False], [0.5, float("nan")], media_type)))


def test_chunks_grow_while_they_are_fast_and_shrink_when_they_are_slow() -> None:
    assert next_size(64, 0.00001) == 128
    assert next_size(256, 0.00001) == 256
    assert next_size(64, 0.0004) == 64
    assert next_size(64, 0.001) == 32
    assert next_size(1, 1) == 1
