"""docs/clients.md: every block is run, in order; and what its retries promise."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pandas as pd
import pytest
import requests
from requests.adapters import HTTPAdapter

from loadtest.serving import PROJECT
from tests.conftest import EXAMPLE
from tests.documents.runner import Document
from tests.waiting import PATIENCE, until

OTHERS = (
    "grpcio-health-checking",
    "kserve",
    "mlserver",
    "open-inference-grpc",
    "open-inference-openapi",
    "schemathesis",
    "tritonclient",
)

ATTEMPTS = 60


@pytest.fixture(scope="module")
def clients(
    committed_url: str, committed_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the document's Python blocks define, after all of it was run."""
    path, at = PROJECT / "docs" / "clients.md", tmp_path_factory.mktemp("clients")
    document = Document(path, at, committed_home, committed_url)
    document.run()
    return document.namespace


def test_every_block_does_what_it_shows(clients: dict[str, Any]) -> None:
    assert clients["HOUR"] == EXAMPLE


def test_the_versions_of_other_peoples_clients_are_those_that_are_locked() -> None:
    text = (PROJECT / "docs" / "clients.md").read_text()
    table = text.partition("### Clients that were tried")[2].partition("Not tried")[0]
    locks = "".join(
        (PROJECT / "requirements" / f"{name}.lock").read_text()
        for name in ("clients", "mlserver", "development")
    )
    locked = {name: re.findall(rf"^{name}==(\S+)", locks, re.MULTILINE) for name in OTHERS}
    rows = re.findall(r"^\| (\S+?),?[ |].*?\| (\d[\d.]*) \|", table, re.MULTILINE)
    assert {name.lower() for name, _ in rows} == set(OTHERS)
    for name, version in rows:
        assert version in locked[name.lower()], name


def refusals(client: httpx.Client) -> float:
    found = re.findall(r'_request_total\{.*http_response_code="429".*\} (\S+)', client.get("/metrics").text)
    return sum(map(float, found))


def test_more_bulk_clients_than_places_are_all_answered_after_waiting(
    clients: dict[str, Any], client: httpx.Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine a bulk request takes seconds, and others must wait for longer than the document's do.
    monkeypatch.setitem(clients, "post", partial(clients["post"], attempts=ATTEMPTS))
    retry = clients["retry"].new(total=ATTEMPTS)
    hours = pd.DataFrame([EXAMPLE] * 10_000)
    body, csv = hours.to_csv(index=False), {"Content-Type": "text/csv"}

    def by_httpx() -> pd.DataFrame:
        forecasts: pd.DataFrame = clients["forecast_csv"](client, hours)
        return forecasts

    def by_requests() -> pd.DataFrame:
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            together.wait(PATIENCE)
            answer = session.post(f"{url}/predict_batch", data=body, headers=csv, timeout=PATIENCE)
            answer.raise_for_status()
            return pd.read_csv(io.StringIO(answer.text))

    def some_were_refused() -> bool:
        before = refusals(client)
        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(by) for by in (by_httpx, by_requests) * 6]
            tables = [future.result() for future in asked]
        for table in tables:
            assert set(table["prediction"]) == {"Rain"}
            assert len(table) == len(hours)
        return refusals(client) > before

    together = Barrier(6)
    until(some_were_refused)
