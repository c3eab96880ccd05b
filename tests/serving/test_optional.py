"""Fields that the served model can do without: parsed by each format, and forecast by the real service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fixtures.contract import SECOND, beyond
from weather.contract.faults import accepted
from weather.contract.variables import EXAMPLE, FEATURES
from weather.http.problems import Problem
from weather.serving import bulk, single
from weather.serving.bulk import CSV, JSON
from weather.serving.bulk_rows import CHUNK

FIELD = "visibility_km"
OPTIONAL = frozenset([FIELD])
AT = FEATURES.index(FIELD)
ABSENT = {name: value for name, value in EXAMPLE.items() if name != FIELD}
NULL = {**EXAMPLE, FIELD: None}
MISSING = f"{FIELD} is missing: give {accepted(FIELD)}"

Record = dict[str, Any]


def as_json(records: Sequence[Record]) -> bytes:
    return json.dumps({"observations": records}).encode()


def as_csv(records: Sequence[Record], names: Sequence[str] = FEATURES) -> bytes:
    cells = [["" if record.get(name) is None else str(record[name]) for name in names] for record in records]
    return "\n".join(map(",".join, [list(names), *cells])).encode()


def rows(body: bytes, media_type: str, optional: frozenset[str] = OPTIONAL) -> Any:
    return asyncio.run(bulk.parse(body, media_type, optional)).rows


def refused(parse: Callable[[], object]) -> list[tuple[list[str | int], str]]:
    with pytest.raises(Problem) as problem:
        parse()
    assert problem.value.status == 400
    return [(list(fault.loc), fault.msg) for fault in problem.value.detail]


@pytest.mark.parametrize("record", [ABSENT, NULL], ids=["absent", "null"])
def test_a_single_record_without_it_is_read_only_if_it_is_optional(record: Record) -> None:
    body = json.dumps(record).encode()
    assert getattr(single.parse(body, OPTIONAL), FIELD) is None
    [(loc, _)] = refused(lambda: single.parse(body))
    assert loc == [FIELD]
    [(loc, _)] = refused(lambda: single.parse(body, frozenset([SECOND])))
    assert loc == [FIELD]


def test_a_single_record_with_other_faults_names_those_only() -> None:
    body = json.dumps({**ABSENT, SECOND: beyond(SECOND)}).encode()
    assert refused(lambda: single.parse(body, OPTIONAL)) == [
        ([SECOND], f"{SECOND} is out of range: give {accepted(SECOND)}")
    ]


@pytest.mark.parametrize(("write", "media_type"), [(as_json, JSON), (as_csv, CSV)])
def test_many_records_of_which_some_lack_it(write: Callable[..., bytes], media_type: str) -> None:
    records = [EXAMPLE, NULL] * CHUNK + [ABSENT]
    found = rows(write(records), media_type)
    assert found.shape == (len(records), len(FEATURES))
    assert np.isnan(found[:, AT]).tolist() == [FIELD not in r or r[FIELD] is None for r in records]
    assert np.delete(found, AT, axis=1).tolist() == [[EXAMPLE[n] for n in FEATURES if n != FIELD]] * len(
        found
    )
    assert set(found[::2, AT][:CHUNK].tolist()) == {EXAMPLE[FIELD]}
    locs = [loc for loc, _ in refused(lambda: rows(write(records), media_type, frozenset()))]
    assert locs[:2] == [["observations", 1, FIELD], ["observations", 3, FIELD]]


@pytest.mark.parametrize(("write", "media_type"), [(as_json, JSON), (as_csv, CSV)])
def test_a_fault_among_records_that_lack_it_is_named(write: Callable[..., bytes], media_type: str) -> None:
    records = [NULL] * CHUNK + [{**NULL, SECOND: beyond(SECOND)}, {**EXAMPLE, FIELD: beyond(FIELD)}]
    assert refused(lambda: rows(write(records), media_type)) == [
        (["observations", CHUNK, SECOND], f"{SECOND} is out of range: give {accepted(SECOND)}"),
        (["observations", CHUNK + 1, FIELD], f"{FIELD} is out of range: give {accepted(FIELD)}"),
    ]


def test_csv_may_have_no_column_of_it() -> None:
    names = [name for name in reversed(FEATURES) if name != FIELD]
    found = rows(as_csv([EXAMPLE] * 3, names), CSV)
    assert np.isnan(found[:, AT]).all()
    assert np.delete(found, AT, axis=1).tolist() == [[EXAMPLE[n] for n in FEATURES if n != FIELD]] * 3
    [(_, message)] = refused(lambda: rows(as_csv([EXAMPLE], names), CSV, frozenset()))
    assert message == f"the first line lacks {FIELD}"


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ([*FEATURES, FIELD], f"the first line names a column more than once: {FIELD}"),
        ([*FEATURES, "dewpoint"], "the first line has columns that are not fields: dewpoint; "),
        ([name for name in FEATURES[1:] if name != FIELD], f"the first line lacks {FEATURES[0]}"),
    ],
)
def test_other_csv_headers_are_refused(header: list[str], sentence: str) -> None:
    [(_, message)] = refused(lambda: rows(as_csv([{**EXAMPLE, "dewpoint": 1}], header), CSV))
    assert message.startswith(sentence)


@pytest.mark.parametrize("cell", ["nan", "NaN", "null", "NA", "-"])
def test_words_for_missing_values_are_refused_in_csv(cell: str) -> None:
    [(loc, _)] = refused(lambda: rows(as_csv([NULL, {**EXAMPLE, FIELD: cell}]), CSV))
    assert loc == ["observations", 1, FIELD]


def test_a_csv_line_of_empty_cells_is_not_skipped() -> None:
    body = as_csv([NULL]) + b"\n" + b"," * (len(FEATURES) - 1) + b"\n\n"
    found = refused(lambda: rows(body, CSV))
    assert [loc for loc, _ in found] == [["observations", 1, name] for name in FEATURES if name != FIELD]


def test_the_committed_model_forecasts_without_visibility(committed_url: str) -> None:
    assert httpx.get(f"{committed_url}/model").json()["optional"] == [FIELD]
    whole = httpx.post(f"{committed_url}/predict", json=EXAMPLE).json()
    answers = [httpx.post(f"{committed_url}/predict", json=record) for record in (ABSENT, NULL)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    forecast = answers[0].json()
    assert answers[1].json() == forecast
    assert 0 < forecast["probability"] < 1
    assert forecast["probability"] != whole["probability"]
    records = [EXAMPLE, NULL, ABSENT]
    many = httpx.post(f"{committed_url}/predict_batch", json={"observations": records}).json()["forecasts"]
    assert [f["probability"] for f in many] == pytest.approx(
        [whole["probability"], *[forecast["probability"]] * 2], abs=2e-6
    )
    answer = httpx.post(
        f"{committed_url}/predict_batch", content=as_csv(records), headers={"Content-Type": CSV}
    )
    assert answer.status_code == 200, answer.text
    lines = [line.split(",") for line in answer.text.splitlines()[1:]]
    assert [float(chance) for _, chance in lines] == pytest.approx([f["probability"] for f in many], abs=2e-6)
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in ABSENT.items()
    ]
    inferred = httpx.post(f"{committed_url}/v2/models/rain_forecast/infer", json={"inputs": tensors})
    assert inferred.status_code == 200, inferred.text
    assert inferred.json()["outputs"][0]["data"] == pytest.approx([forecast["probability"]], abs=2e-6)


def test_no_input_without_a_value_counts_as_out_of_range(committed_url: str) -> None:
    series = f'rain_forecast_inputs_out_of_range_total{{feature="{FIELD}"}}'

    def count() -> str:
        text = httpx.get(f"{committed_url}/metrics").text
        return next(line for line in text.splitlines() if line.startswith(series))

    before = count()
    assert httpx.post(f"{committed_url}/predict", json=ABSENT).status_code == 200
    assert count() == before
    assert httpx.post(f"{committed_url}/predict", json={**EXAMPLE, FIELD: 99}).status_code == 200
    assert count() != before


def test_a_model_that_needs_every_field_refuses_as_before(url: str) -> None:
    assert httpx.get(f"{url}/model").json()["optional"] == []
    answer = httpx.post(f"{url}/predict", json=ABSENT)
    assert answer.status_code == 400
    assert [fault["msg"] for fault in answer.json()["detail"]] == [MISSING]
    many = httpx.post(f"{url}/predict_batch", json={"observations": [EXAMPLE, ABSENT]})
    assert many.status_code == 400
    assert [fault["loc"] for fault in many.json()["detail"]] == [["observations", 1, FIELD]]


def test_the_document_is_that_of_the_served_model(url: str, committed_url: str) -> None:
    for address, optional in ((url, set()), (committed_url, {FIELD})):
        schemas = httpx.get(f"{address}/openapi.json").json()["components"]["schemas"]
        assert set(schemas["WeatherVariables"]["required"]) == set(FEATURES) - optional
        items = schemas["Observations"]["properties"]["observations"]["items"]
        assert items == {"$ref": "#/components/schemas/WeatherVariables"}
        tensors = schemas["InferenceRequest"]["properties"]["inputs"]["description"]
        assert ("NaN is a missing value" in tensors) == bool(optional)
