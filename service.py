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
from weather.http.problems import Problem
from weather.http.settings import BadSetting, read_settings
from weather.model.classifier import Classifier
from weather.model.loading import NotServable, load
from weather.pages.routes import create_app
from weather.pages.served_model import ServedModel
from weather.serving import run_folder
from weather.serving.app import OptimizedService
from weather.serving.bulk import Answers, Bulk, BulkForecasts, BulkObservations, answer
from weather.serving.configuration import MAX_BATCH_SIZE, MAX_LATENCY_MS, configuration
from weather.serving.grpc import check_installed
from weather.serving.serve_command import no_tracking
from weather.serving.single import Observation, SingleForecast
from weather.telemetry import json_logs
from weather.telemetry.forecast_log import ForecastLog
from weather.telemetry.metrics import register_model

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
        self.classifier: Classifier | None = None
        try:
            self.classifier = load(self.scaler, self.model)
        except NotServable as reason:
            log.error("The service stays not ready: %s", reason)
        rate = settings.forecast_log_rate
        self.forecast_log = ForecastLog(rate, str(self.model.tag)) if rate else None
        register_model(self.classifier, self.scaler, self.model)
        pages.state.served = ServedModel(self.scaler, self.model, self.classifier is not None)

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def freeze_heap(self) -> None:
        """Exclude the objects made at start-up from garbage collection: the 99th percentile at 32
        connections is 16 ms with this, 82 ms without (docs/performance.md).
        """
        gc.collect()
        gc.freeze()

    @bentoml.api(  # type: ignore[untyped-decorator]
        batchable=True,
        max_batch_size=MAX_BATCH_SIZE,
        max_latency_ms=MAX_LATENCY_MS,
        input_spec=Observation,
        output_spec=SingleForecast,
    )
    async def predict(self, observations: list[WeatherVariables]) -> list[Forecast]:
        """Forecast from one observation; concurrent requests are computed as a batch."""
        forecasts = self.ready_classifier().forecast(observations)
        if self.forecast_log is not None:
            self.forecast_log.single(observations, forecasts)
        return forecasts

    @bentoml.api(input_spec=BulkObservations, output_spec=BulkForecasts)  # type: ignore[untyped-decorator]
    async def predict_batch(self, bulk: Bulk) -> Answers:
        """Forecast from many observations, JSON or CSV, in order."""
        answers = await answer(self.ready_classifier(), bulk)
        if self.forecast_log is not None:
            await self.forecast_log.bulk(bulk.rows, answers.decisions, answers.probabilities)
        return answers

    def ready_classifier(self) -> Classifier:
        """The classifier.

        Raises:
            Problem: 503, if it failed its start-up check.
        """
        if self.classifier is None:
            message = "the model failed its start-up check; the service's log has the reason"
            raise Problem(503, message, retry=False)
        return self.classifier

    async def __is_ready__(self) -> bool:
        return self.ready_classifier() is not None


# From the outermost to the innermost.
RainForecast.add_asgi_middleware(Draining, seconds=settings.lame_duck_seconds)  # type: ignore[attr-defined]
if keys is not None:
    RainForecast.add_asgi_middleware(ApiKeys, keys=keys)  # type: ignore[attr-defined]
RainForecast.add_asgi_middleware(BodyLimits)  # type: ignore[attr-defined]
