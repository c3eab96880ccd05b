"""What this service has copied of the forecast service is still true of it."""

from __future__ import annotations

import subprocess
import sys

from loadtest.serving import PROJECT
from stations import contract
from stations.forwarding.client import optional_fields
from stations.store.reading import CSV_COLUMNS
from weather.contract import variables
from weather.http.openapi import document
from weather.training import sources


def test_the_fields_their_limits_and_units_are_the_forecast_service_s() -> None:
    assert contract.FEATURES == variables.FEATURES
    assert contract.LIMITS == variables.LIMITS
    assert contract.UNITS == variables.UNITS
    assert contract.MAX_ROWS == variables.MAX_ROWS


def test_its_openapi_document_can_be_read() -> None:
    assert optional_fields(document()) <= {contract.VISIBILITY}


def test_the_export_has_the_columns_that_training_reads() -> None:
    assert {theirs: ours for ours, theirs in CSV_COLUMNS.items()} == sources.CSV_COLUMNS


def test_it_stands_alone() -> None:
    """Its image holds neither the forecast service nor what that needs (pint takes scipy if it is there)."""
    program = "import sys, stations.__main__; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not {"weather", "bentoml", "onnxruntime", "sklearn", "pandas", "loadtest", "locust"} & loaded
    assert "stations.demo" not in done.stdout.split()
