"""What we rely on of BentoML's private parts. When an upgrade breaks one of these, read
weather/serving/bentoml_internals.py against the new version before anything else."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from _bentoml_impl.server.app import ServiceAppFactory
from bentoml._internal.marshal.dispatcher import CorkDispatcher, Optimizer
from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware

from loadtest.serving import PROJECT
from tests.conftest import EXAMPLE
from weather.serving.bentoml_internals import NeverWait

PROGRAM = """
import json, sys
from starlette.testclient import TestClient
from service import RainForecast
from bentoml._internal.configuration.containers import BentoMLContainer
example = json.loads(sys.argv[1])
app = RainForecast.to_asgi()
with TestClient(app) as client:
    assert client.post("/predict", json=example).status_code == 200
    names = [m.cls.__name__ for m in app.user_middleware]
provider = BentoMLContainer.tracer_provider.get()
processor, = provider._active_span_processor._span_processors or [None]
spans = []
if processor is not None:
    provider.force_flush()
    spans = [s.name for s in processor.span_exporter.get_finished_spans()]
print(json.dumps({"middlewares": names, "spans": spans}))
"""


def run_app(home: Path, options: str = "") -> dict[str, list[str]]:
    """Serve one request in a process of its own; its middlewares and the spans it exported."""
    environment = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_CONFIG_OPTIONS": options}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(EXAMPLE)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_version_is_the_one_this_was_made_for() -> None:
    assert version("bentoml") == "1.4.39"


def test_the_factory_has_what_lean_app_overrides() -> None:
    parameters = {
        "api_endpoint": ["self", "name", "request"],
        "api_endpoint_wrapper": ["self", "name", "request"],
        "create_instance": ["self", "app"],
    }
    for name, expected in parameters.items():
        assert list(inspect.signature(getattr(ServiceAppFactory, name)).parameters) == expected
    assert isinstance(ServiceAppFactory.middlewares, property)


def test_the_dispatcher_has_what_the_queue_uses() -> None:
    dispatcher: CorkDispatcher[int, int] = CorkDispatcher(1000, 8, fallback=lambda: 0)
    for name in ("optimizer", "get_batch_size", "_controller", "max_latency"):
        assert hasattr(dispatcher, name)
    assert list(inspect.signature(dispatcher.inbound_call).parameters) == ["data"]
    source = inspect.getsource(CorkDispatcher.outbound_call)
    assert "await self.callback(" in source
    assert "self.optimizer.log_outbound(" in source


def test_the_metrics_middleware_makes_the_families_that_are_kept() -> None:
    source = inspect.getsource(RunnerTrafficMetricsMiddleware._setup)
    for family in ("request_duration", "request_total", "request_in_progress", "last_request_timestamp"):
        assert f"self.metrics_{family} =" in source


def test_the_optimizer_learns_durations_and_never_waits() -> None:
    theirs, ours = Optimizer(1.0), NeverWait(1.0)
    for optimizer in (theirs, ours):
        for n in range(1, 40):
            optimizer.log_outbound(n, wait=0.004, duration=0.001 + 0.0001 * n)
        optimizer.trigger_refresh()
    assert theirs.wait > 0
    assert ours.wait == 0
    assert (ours.o_a, ours.o_b) == (theirs.o_a, theirs.o_b)


def test_the_lean_middlewares_take_the_places_of_bentomls(bentoml_home: Path) -> None:
    assert run_app(bentoml_home)["middlewares"] == [
        "RequestId",
        "count_traffic",
        "Deadline",
        "Draining",
        "BodyLimits",
        "Admission",
        "ContextMiddleware",
    ]


def test_tracing_works_when_an_exporter_is_configured(bentoml_home: Path) -> None:
    tracing = "services.rain_forecast.tracing"
    found = run_app(bentoml_home, f"{tracing}.exporter_type=in_memory {tracing}.sample_rate=1.0")
    assert "OpenTelemetryMiddleware" in found["middlewares"]
    assert any("/predict" in span for span in found["spans"])
