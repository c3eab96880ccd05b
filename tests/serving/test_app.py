"""What ``weather/serving/app.py`` relies on in BentoML's private modules, and the app it builds.

When an upgrade of BentoML breaks one of these tests, compare weather/serving/ with the new version first.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _bentoml_impl.server.app import ServiceAppFactory

from loadtest.serving import PROJECT
from tests.conftest import EXAMPLE
from tests.waiting import PATIENCE

PROGRAM = """
import gc, json, sys
from starlette.testclient import TestClient
from service import RainForecast
from bentoml._internal.configuration.containers import BentoMLContainer
example = json.loads(sys.argv[1])
app = RainForecast.to_asgi()
with TestClient(app) as client:
    assert client.post("/predict", json=example).status_code == 200
    names = [m.cls.__name__ for m in app.app.user_middleware]
    frozen = gc.get_freeze_count()
provider = BentoMLContainer.tracer_provider.get()
processor, = provider._active_span_processor._span_processors or [None]
spans = []
if processor is not None:
    provider.force_flush()
    spans = [s.name for s in processor.span_exporter.get_finished_spans()]
print(json.dumps({"middlewares": names, "spans": spans, "frozen": frozen}))
"""


def run_app(home: Path, options: str = "") -> dict[str, Any]:
    """Serve one request in a new process: the app's middlewares, exported spans, number of frozen objects."""
    environment = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_CONFIG_OPTIONS": options}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(EXAMPLE)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_bentoml_is_the_pinned_version() -> None:
    assert version("bentoml") == "1.4.39"


def test_the_factory_has_the_overridden_methods() -> None:
    parameters = {
        "create_instance": ["self", "app"],
    }
    for name, expected in parameters.items():
        assert list(inspect.signature(getattr(ServiceAppFactory, name)).parameters) == expected
    assert isinstance(ServiceAppFactory.middlewares, property)


def test_the_app_has_our_middlewares_in_order_and_the_heap_is_frozen(bentoml_home: Path) -> None:
    result = run_app(bentoml_home)
    assert result["frozen"] > 100_000, "objects made by imports and start-up, BentoML's above all"
    assert result["middlewares"] == [
        "RequestId",
        "make_traffic_metrics",
        "Deadline",
        "Draining",
        "BodyLimits",
        "Admission",
        "DirectEndpoints",
        "ContextMiddleware",
    ]


def test_tracing_works_when_an_exporter_is_configured(bentoml_home: Path) -> None:
    tracing = "services.rain_forecast.tracing"
    result = run_app(bentoml_home, f"{tracing}.exporter_type=in_memory {tracing}.sample_rate=1.0")
    assert "OpenTelemetryMiddleware" in result["middlewares"]
    assert any("/predict" in span for span in result["spans"])
