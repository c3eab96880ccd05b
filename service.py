"""The API: ``POST /predict`` forecasts from one observation, ``POST /predict_batch`` from many."""

from __future__ import annotations

import gc
import logging
import sys

import bentoml

from weather.contract.names import CLASSIFIER, SCALER, SERVICE
from weather.contract.variables import Forecast, WeatherVariables
from weather.http.api_keys import ApiKeys, BadKeys, Keys
from weather.http.body_limits import BodyLimits
from weather.http.draining import Draining
from weather.http.settings import BadSetting, read_settings
from weather.pages.routes import create_app
from weather.serving import run_folder
from weather.serving.app import OptimizedService
from weather.serving.bulk import Answers, Bulk, BulkForecasts, BulkObservations, answer
from weather.serving.challenger import recorder
from weather.serving.configuration import MAX_BATCH_SIZE, MAX_LATENCY_MS, configuration
from weather.serving.grpc import check_installed
from weather.serving.serve_command import no_tracking
from weather.serving.served import Served, start
from weather.serving.single import Observation, SingleForecast
from weather.telemetry import json_logs
from weather.telemetry.forecast_log import Answered

no_tracking()
try:
    settings = read_settings()
    check_installed(settings)
    keys = Keys(settings.api_keys_file) if settings.api_keys_file else None
except (BadSetting, BadKeys) as reason:
    sys.exit(f"The service can't start: {reason}")

json_logs.configure(settings.log_format)
log = logging.getLogger("bentoml.weather")
pages = create_app(keys_required=keys is not None)


@bentoml.service(name=SERVICE, service_class=OptimizedService, **configuration(settings))
@bentoml.asgi_app(pages, path="/")
class RainForecast:
    """Will it rain within the next hours? Surface observations of one hour in, a forecast out."""

    # Class attributes, so that `bentoml build` packs both models into the Bento.
    scaler = bentoml.models.BentoModel(run_folder.tag(SCALER))
    model = bentoml.models.BentoModel(run_folder.tag(CLASSIFIER))

    def __init__(self) -> None:
        self.served = start(self.scaler, self.model)
        self.recorder = recorder(settings)
        pages.state.served = lambda: self.served.page

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def freeze_heap(self) -> None:
        """Exclude the objects made at start-up from garbage collection: the 99th percentile at 32
        connections is 4 ms with this, 51 ms without (docs/performance.md). Collect less often: requests
        leave few reference cycles (docs/decisions/0039).
        """
        gc.freeze()
        gc.set_threshold(10_000)

    @bentoml.api(  # type: ignore[untyped-decorator]
        batchable=True,
        max_batch_size=MAX_BATCH_SIZE,
        max_latency_ms=MAX_LATENCY_MS,
        input_spec=Observation,
        output_spec=SingleForecast,
    )
    async def predict(self, observations: list[WeatherVariables], served: Served) -> list[Forecast]:
        """Forecast from one observation; concurrent requests are computed as a batch."""
        forecasts = served.forecast(observations)
        if self.recorder is not None:
            await self.recorder.record(Answered.single(observations, forecasts, served.tag))
        return forecasts

    @bentoml.api(input_spec=BulkObservations, output_spec=BulkForecasts)  # type: ignore[untyped-decorator]
    async def predict_batch(self, bulk: Bulk, served: Served) -> Answers:
        """Forecast from many observations, JSON or CSV, in order."""
        answers = await answer(served.ready(), bulk)
        if self.recorder is not None:
            done = Answered(bulk.rows, answers.decisions, answers.probabilities, served.tag)
            await self.recorder.record(done)
        return answers

    async def __is_ready__(self) -> bool:
        return self.served.ready() is not None


# From the outermost to the innermost.
RainForecast.add_asgi_middleware(Draining, seconds=settings.lame_duck_seconds)  # type: ignore[attr-defined]
if keys is not None:
    RainForecast.add_asgi_middleware(ApiKeys, keys=keys)  # type: ignore[attr-defined]
RainForecast.add_asgi_middleware(BodyLimits)  # type: ignore[attr-defined]
