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
from tests.fixtures.contract import FIRST, SECOND, beyond
from weather.contract.faults import accepted
from weather.contract.variables import FEATURES, MAX_ROWS
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
