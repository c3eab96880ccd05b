"""``POST /predict_batch`` of the real service, and that it does not block other requests."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Mapping, Sequence

import httpx
import numpy as np
import pytest

from loadtest.stations import observation
from tests.conftest import EXAMPLE
from tests.fixtures.contract import FIRST, SECOND, beyond, with_token
from weather.contract.faults import accepted
from weather.contract.variables import BINARY, FEATURES, LABELS, MAX_ROWS
from weather.http.limits import MAX_FAULTS
from weather.model.classifier import Classifier
from weather.serving import bulk
from weather.serving.configuration import MAX_BATCH_SIZE

CSV = {"Content-Type": "text/csv"}


def as_csv(records: Sequence[Mapping[str, object]], names: tuple[str, ...] = FEATURES) -> str:
    return "\n".join([",".join(names), *(",".join(str(r[n]) for n in names) for r in records)]) + "\n"


def rejected(answer: httpx.Response) -> list[dict[str, object]]:
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem.keys() == {"error", "detail"}
    found: list[dict[str, object]] = problem["detail"]
    return found


@pytest.mark.parametrize("count", [1, 63, 64, 65, 1000])
def test_forecasts_equal_those_of_single_requests_in_order(client: httpx.Client, count: int) -> None:
    records = [observation() for _ in range(count)]
    answer = client.post("/predict_batch", json={"observations": records})
    assert answer.status_code == 200, answer.text
    forecasts = answer.json()["forecasts"]
    assert len(forecasts) == count
    for record, found in list(zip(records, forecasts, strict=True))[:: max(1, count // 50)]:
        single = client.post("/predict", json=record).json()
        assert found["prediction"] == single["prediction"]
        assert found["probability"] == pytest.approx(single["probability"], abs=2e-6)


def test_csv_in_any_column_order_gives_the_same_forecasts_as_json(client: httpx.Client) -> None:
    records = [observation() for _ in range(200)]
    expected = client.post("/predict_batch", json={"observations": records}).json()["forecasts"]
    names = tuple(reversed(FEATURES))
    answer = client.post("/predict_batch", content=as_csv(records, names), headers=CSV)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [r["prediction"] for r in rows] == [f["prediction"] for f in expected]
    np.testing.assert_allclose(
        [float(r["probability"]) for r in rows], [f["probability"] for f in expected], atol=2e-6
    )


def test_the_maximum_of_rows_is_accepted_and_one_more_is_rejected(client: httpx.Client) -> None:
    records = [observation() for _ in range(MAX_ROWS)]
    answer = client.post("/predict_batch", json={"observations": records})
    assert len(answer.json()["forecasts"]) == MAX_ROWS
    (fault,) = rejected(client.post("/predict_batch", json={"observations": [*records, records[0]]}))
    assert "1 to 10,000" in str(fault["msg"])


def test_faults_in_json_name_row_and_field(client: httpx.Client) -> None:
    records: list[dict[str, object]] = [dict(observation()) for _ in range(200)]
    records[3][SECOND] = beyond(SECOND)
    records[70][FIRST] = "warm"
    del records[199][FEATURES[-1]]
    faults = rejected(client.post("/predict_batch", json={"observations": records}))
    assert [f["loc"] for f in faults] == [
        ["observations", 3, SECOND],
        ["observations", 70, FIRST],
        ["observations", 199, FEATURES[-1]],
    ]
    assert faults[0]["msg"] == f"{SECOND} is out of range: give {accepted(SECOND)}"


def test_faults_in_csv_name_row_and_field(client: httpx.Client) -> None:
    lines = as_csv([observation() for _ in range(10)]).splitlines()
    lines[4] = lines[4].replace(lines[4].split(",")[0], "warm", 1)
    lines[6] = "1,2"
    lines[8] = "nan" + lines[8][lines[8].index(",") :]
    faults = rejected(client.post("/predict_batch", content="\n".join(lines), headers=CSV))
    assert [f["loc"] for f in faults] == [
        ["observations", 3, FIRST],
        ["observations", 5],
        ["observations", 7, FIRST],
    ]
    assert faults[0]["msg"] == f"{FIRST} is not a number: give {accepted(FIRST)}"


@pytest.mark.parametrize("name", sorted(BINARY))
def test_a_field_of_two_states_takes_nothing_in_between(client: httpx.Client, name: str) -> None:
    records = [EXAMPLE, {**EXAMPLE, name: 0.5}]
    single = rejected(client.post("/predict", json=records[1]))
    for answer in (
        client.post("/predict_batch", json={"observations": records}),
        client.post("/predict_batch", content=as_csv(records), headers=CSV),
    ):
        assert rejected(answer) == [{**single[0], "loc": ["observations", 1, name]}]
    assert single[0]["msg"] == f"{name} is neither 0 nor 1: give {accepted(name)}"


def test_an_integer_of_hundreds_of_digits_gets_the_sentence_of_a_single_request(client: httpx.Client) -> None:
    long = with_token("9" * 400)
    headers = {"Content-Type": "application/json"}
    body = f'{{"observations":[{long}]}}'
    (many,) = rejected(client.post("/predict_batch", content=body, headers=headers))
    (single,) = rejected(client.post("/predict", content=long, headers=headers))
    assert many["msg"] == single["msg"] == f"{FIRST} is not a finite number: give {accepted(FIRST)}"


HEADER = ",".join(FEATURES)
HINT = "remove them, or add keep=all to the query to have them back with the forecasts"


@pytest.mark.parametrize(
    ("header", "messages"),
    [
        (HEADER.replace(",", ";"), ["the separator is ';': separate the columns by commas"]),
        (HEADER.replace(",", "\t"), ["the separator is a tab: separate the columns by commas"]),
        (f"station,{HEADER}", [f"the first line has columns that are not fields: station; {HINT}"]),
        (HEADER.replace(f"{FIRST},", ""), [f"the first line lacks {FIRST}"]),
        (
            HEADER.replace(FIRST, FIRST.upper()),
            [
                f"the first line lacks {FIRST}",
                f"the first line has columns that are not fields: {FIRST.upper()}; {HINT}",
            ],
        ),
        (HEADER + f",{FIRST}", [f"the first line names a column more than once: {FIRST}"]),
        ("8.75,0.83", [f"the first line names none of the fields {', '.join(FEATURES)}"]),
    ],
)
def test_a_header_is_refused_by_the_names_that_are_missing_or_too_many(
    client: httpx.Client, header: str, messages: list[str]
) -> None:
    for query in ("", "?keep=none"):
        faults = rejected(client.post(f"/predict_batch{query}", content=f"{header}\n1\n", headers=CSV))
        if query:
            messages = [m for m in messages if HINT not in m] or [
                f"1 values instead of {header.count(',') + 1}"
            ]
        assert [fault["msg"] for fault in faults] == messages


def test_long_headers_are_cut(client: httpx.Client) -> None:
    names = ["x" * 1000, *(f"c{number}" for number in range(5000))]
    (fault,) = rejected(client.post("/predict_batch", content=f"{HEADER},{','.join(names)}\n", headers=CSV))
    assert "and 4,991 more" in str(fault["msg"])
    assert len(str(fault["msg"])) < 400


def test_columns_that_are_kept_come_back_before_the_forecasts(client: httpx.Client) -> None:
    # In capitals, as no field of a fork can be called.
    records = [{**observation(), "Place": 'a "b", c', "Row": number} for number in range(500)]
    text = io.StringIO()
    writer = csv.DictWriter(text, ["Place", *reversed(FEATURES), "Row"])
    writer.writeheader()
    writer.writerows(records)
    body = text.getvalue()
    fields = as_csv(records)
    forecasts = client.post("/predict_batch", content=fields, headers=CSV).text
    answer = client.post("/predict_batch?keep=all", content=body, headers=CSV)
    assert answer.status_code == 200, answer.text
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == ["Place", *reversed(FEATURES), "Row", "prediction", "probability"]
    expected = list(csv.DictReader(io.StringIO(forecasts)))
    assert [{name: row[name] for name in expected[0]} for row in rows] == expected
    assert [(row["Place"], row["Row"]) for row in rows] == [('a "b", c', str(n)) for n in range(500)]
    assert answer.text.splitlines()[1].startswith('"a ""b"", c",'), "quoted only where it must be"
    assert client.post("/predict_batch?keep=none", content=body, headers=CSV).text == forecasts
    assert client.post("/predict_batch?keep=all", content=fields, headers=CSV).text.startswith(HEADER)


def test_values_with_line_breaks_are_kept_in_quotes(client: httpx.Client) -> None:
    values = ["a\nb", "a\rb", "a\r\nb", "\n", '"', ",", "", " x ", "=1", "\u2028"]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*FEATURES, "no\nte"])
    writer.writeheader()
    writer.writerows({**EXAMPLE, "no\nte": value} for value in values)
    answer = client.post("/predict_batch?keep=all", content=text.getvalue(), headers=CSV)
    assert answer.status_code == 200, answer.text
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["no\nte"] for row in rows] == values
    assert {row["prediction"] for row in rows} <= set(LABELS)


def test_kept_columns_do_not_hide_faults(client: httpx.Client) -> None:
    header = f"Place,{HEADER}"
    row = ",".join(str(EXAMPLE[name]) for name in FEATURES)

    def ask(body: str, query: str = "keep=all") -> list[tuple[object, object]]:
        faults = rejected(client.post(f"/predict_batch?{query}", content=body, headers=CSV))
        return [(fault["loc"], fault["msg"]) for fault in faults]

    bad = row.replace(str(EXAMPLE[FIRST]), str(beyond(FIRST)), 1)
    assert ask(f"{header}\nA,{row}\n\nB,{bad}\n") == [
        (["observations", 1, FIRST], f"{FIRST} is out of range: give {accepted(FIRST)}")
    ]
    assert ask(f"{header}\nA,{row}\n{row}\n") == [
        (["observations", 1], f"{len(FEATURES)} values instead of {len(FEATURES) + 1}")
    ]
    assert ask(f"probability,{HEADER}\n1,{row}\n") == [
        ([], "the column probability would be taken for the forecast's: rename it")
    ]
    assert ask(f'{header}\nA,{row}\n"A,{row}\n')[0][1] == "line 3 is not CSV: unexpected end of data"
    assert "line 2 is not CSV: field larger" in str(ask(f"{header}\n{'A' * 140_000},{row}\n")[0][1])
    assert "more than once: (empty)" in str(ask(f",,{HEADER}\n,,{row}\n")[0][1])
    assert "10,001 observations" in str(ask("\n".join([header, *[f"A,{row}"] * (MAX_ROWS + 1)]))[0][1])
    for query in ("keep=some", "keep=", "keep=all&keep=all"):
        message = "the query parameter keep must be all or none, once"
        assert ask(f"{header}\nA,{row}\n", query) == [([], message)]
    (fault,) = rejected(client.post("/predict_batch?keep=all", json={"observations": [EXAMPLE]}))
    assert fault["msg"] == "the query parameter keep is for text/csv only"


def test_an_empty_cell_is_a_missing_value(client: httpx.Client) -> None:
    """pandas writes NaN as an empty cell."""
    lines = as_csv([{**EXAMPLE, SECOND: " "}])
    (fault,) = rejected(client.post("/predict_batch", content=lines, headers=CSV))
    assert fault["loc"] == ["observations", 0, SECOND]
    assert fault["msg"] == f"{SECOND} is missing: give {accepted(SECOND)}"


def test_the_list_of_faults_is_limited(client: httpx.Client) -> None:
    faults = rejected(client.post("/predict_batch", json={"observations": [{}] * 1000}))
    assert len(faults) == MAX_FAULTS


@pytest.mark.parametrize("media_type", ["application/json", "text/csv"])
def test_the_response_to_the_worst_body_is_small(client: httpx.Client, media_type: str) -> None:
    """Thousands of faults must not cost the service more than a bulk response does."""
    bodies = {
        "application/json": json.dumps({"observations": [{"x" * 64: 1}] * MAX_ROWS}),
        "text/csv": as_csv([dict.fromkeys(FEATURES, 1e9)] * MAX_ROWS),
    }
    answer = client.post("/predict_batch", content=bodies[media_type], headers={"Content-Type": media_type})
    assert len(rejected(answer)) == 100, "as README.md says"
    assert len(answer.content) < 32 * 1024


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        "null",
        '{"observations": []}',
        '{"observations": {}}',
        '{"observations": [1]}',
        json.dumps({"observations": [list(EXAMPLE.values())]}),
        '{"observations": [], "extra": 1}',
        json.dumps({"observations": [{**EXAMPLE, FIRST: float("nan")}]}),
        json.dumps({"observations": [{**EXAMPLE, FIRST: True}]}),
    ],
)
def test_bad_json_is_rejected(client: httpx.Client, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert rejected(client.post("/predict_batch", content=body, headers=headers))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        f"{FIRST}\n1\n".encode(),
        as_csv([EXAMPLE]).replace(FIRST, "other").encode(),
        as_csv([]).encode(),
        as_csv([{**EXAMPLE, FIRST: "1e999"}]).encode(),
        as_csv([{**EXAMPLE, FIRST: beyond(FIRST)}]).encode(),
    ],
)
def test_bad_csv_is_rejected(client: httpx.Client, body: bytes) -> None:
    assert rejected(client.post("/predict_batch", content=body, headers=CSV))


def test_csv_is_accepted_by_predict_batch_only(client: httpx.Client) -> None:
    answer = client.post("/predict", content=as_csv([EXAMPLE]), headers=CSV)
    assert answer.status_code == 415


def test_other_requests_get_their_turn_while_a_bulk_request_is_computed(classifier: Classifier) -> None:
    """Counts turns, not time: no more rows are computed in between than in a batch of single requests."""
    rows = np.tile(np.array([[EXAMPLE[n] for n in FEATURES]]), (6400, 1))

    async def turns() -> int:
        work = asyncio.create_task(bulk.answer(classifier, bulk.Bulk(rows, bulk.JSON)))
        count = 0
        while not work.done():
            count += 1
            await asyncio.sleep(0)
        assert len((await work).decisions) == 6400
        return count

    assert asyncio.run(turns()) >= 6400 // MAX_BATCH_SIZE
