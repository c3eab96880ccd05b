"""docs/clients.md: every block is run, in order; and what its retries promise."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from loadtest.serving import PROJECT
from tests.conftest import EXAMPLE
from tests.documents import Document


@pytest.fixture(scope="module")
def clients(url: str, bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the document's Python blocks define, after all of it was run."""
    document = Document(
        PROJECT / "docs" / "clients.md", tmp_path_factory.mktemp("clients"), bentoml_home, url
    )
    document.run()
    return document.namespace


def test_every_block_does_what_it_shows(clients: dict[str, Any]) -> None:
    assert clients["HOUR"] == EXAMPLE


def refusals(client: httpx.Client) -> float:
    found = re.findall(r'_request_total\{.*http_response_code="429".*\} (\S+)', client.get("/metrics").text)
    return sum(map(float, found))


def test_more_bulk_clients_than_places_are_all_answered_after_waiting(
    clients: dict[str, Any], client: httpx.Client
) -> None:
    hours = pd.DataFrame([EXAMPLE] * 10_000)
    before = refusals(client)
    with ThreadPoolExecutor(12) as pool:
        tables = list(pool.map(lambda _: clients["forecast_csv"](client, hours), range(12)))
    assert refusals(client) > before
    for table in tables:
        assert set(table["prediction"]) == {"Rain"}
        assert len(table) == len(hours)
