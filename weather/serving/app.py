"""BentoML's ASGI app with cheaper middlewares, one error format and a direct way to the batching queue.

``bentoml.service(service_class=…)`` is the public hook for this; what is overridden is private.

The number beside each optimisation is the speed-up it brings: throughput with all optimisations divided
by throughput with all but this one, at 32 connections (one run of ``make bench``, docs/performance.md;
differences of a quarter are noise).
"""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from _bentoml_impl.server.app import ContextMiddleware, ServiceAppFactory
from _bentoml_sdk import Service
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.context import server_context
from bentoml._internal.resource import system_resources
from bentoml._internal.server.http.access import AccessLogMiddleware
from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware
from bentoml._internal.server.http.traffic import MaxConcurrencyMiddleware, TimeoutMiddleware
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Scope

from weather.contract.variables import Forecast, WeatherVariables
from weather.http.admission import Admission, InFlight
from weather.http.cors import Cors
from weather.http.deadline import Deadline
from weather.http.draining import SHUTTING_DOWN, Draining
from weather.http.limits import BULK, MAX_IN_FLIGHT, SINGLE
from weather.http.problems import Problem, problem_response, unexpected_problem
from weather.http.settings import read_settings
from weather.http.startup import StartupGuard
from weather.open_inference.model import InferenceModel
from weather.open_inference.rest import MODEL_PATHS, Rest
from weather.pages.routes import PAGE_PATHS, http_error
from weather.serving import bulk, serve_command, single, supervision
from weather.serving.challenger import Challenger
from weather.serving.configuration import tracing
from weather.serving.direct import DirectEndpoints
from weather.serving.grpc import start_grpc
from weather.serving.inference import inference_model
from weather.serving.queue import BatchingQueue
from weather.serving.served import Served
from weather.serving.swapping import Swapping
from weather.serving.traffic import TrafficMetrics
from weather.serving.workers import worker_missing
from weather.telemetry import metric_files
from weather.telemetry.buffer import BufferedHistogram
from weather.telemetry.metrics import count_refusal, families
from weather.telemetry.model_version import NoteModelVersion, answered_by, trace_model
from weather.telemetry.request_id import RequestId

if TYPE_CHECKING:
    from weather.open_inference.grpc_server import GrpcServer


class OptimizedService(Service[Any]):  # type: ignore[misc]
    """A BentoML service whose ASGI app is built by ``AppFactory``."""

    configured = False

    def inject_config(self) -> None:
        """As in BentoML, but once; in the supervisor of `bentoml serve` also what precedes the start."""
        if not self.configured:
            super().inject_config()
            serve_command.prepare(self)
            self.configured = True

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """As in BentoML, with our factory; called in the workers."""
        supervision.follow_supervisor()
        metric_files.install()
        self.inject_config()
        app = StartupGuard(AppFactory(self, is_main=is_main)())
        origins = read_settings().cors_origins
        return Cors(app, origins) if origins else app


class AppFactory(ServiceAppFactory):  # type: ignore[misc]
    """Builds the ASGI app of a service."""

    def __init__(self, service: Service[Any], is_main: bool) -> None:
        super().__init__(service, is_main=is_main)
        self.traffic: TrafficMetrics | None = None
        workers = BentoMLContainer.config.services.get()[service.name]["workers"] or 1
        self.workers = int(system_resources()["cpu"]) if workers == "cpu_count" else int(workers)
        single = {SINGLE: self.max_concurrency} if self.max_concurrency else {}
        self.in_flight = InFlight({**MAX_IN_FLIGHT, **single})
        self.draining = False
        self.grpc: GrpcServer | None = None

    def __call__(self) -> Starlette:
        """The app; errors raised by Starlette itself have the service's error format too."""
        app: Starlette = super().__call__()
        # Starlette would redirect /predict/ to an absolute address, which leaves a proxy's path prefix.
        app.router.redirect_slashes = False
        app.add_exception_handler(Problem, problem_response)
        app.add_exception_handler(HTTPException, http_error)
        app.add_exception_handler(Exception, unexpected_problem)
        return app

    @property
    def middlewares(self) -> list[Middleware]:
        """BentoML's middlewares with four of them replaced, inside ``RequestId``."""
        return [
            Middleware(RequestId),
            *(ours for theirs in super().middlewares for ours in self.replace(theirs)),
        ]

    def replace(self, middleware: Middleware) -> list[Middleware]:
        """What to use instead of one of BentoML's middlewares."""
        kind: Any = middleware.cls
        if kind is TimeoutMiddleware:
            # BentoML's starts a task per request and leaves a timer behind (1.3 x).
            return [Middleware(Deadline, seconds=self.timeout)]
        if kind is RunnerTrafficMetricsMiddleware:
            # BentoML's looks up five labelled series per request and writes to each (1.6 x).
            paths = {route.path for route in self.routes if isinstance(route, Route)}
            paths |= PAGE_PATHS | MODEL_PATHS
            return [Middleware(self.make_traffic_metrics, paths=paths, **middleware.kwargs)]
        if kind is MaxConcurrencyMiddleware:
            # BentoML's gives slots to requests whose body is still arriving. Admission has its limit.
            return []
        if kind is OpenTelemetryMiddleware:
            # BentoML's builds a span per request even when no exporter is configured (4.0 x).
            return [middleware, Middleware(NoteModelVersion, note=trace_model)] if tracing() else []
        if kind is AccessLogMiddleware:
            return [middleware, Middleware(NoteModelVersion, note=answered_by.set)]
        if kind is ContextMiddleware:
            admission = Middleware(Admission, in_flight=self.in_flight, on_refusal=self.count_early_refusal)
            answers = {SINGLE: self.answer_single, BULK: self.answer_bulk}
            return [admission, Middleware(DirectEndpoints, answers=answers), middleware]
        if kind is Draining:
            options: dict[str, Any] = {**middleware.kwargs, "on_drain": self.start_draining}
            return [Middleware(Draining, **options)]
        return [middleware]

    @property
    def routes(self) -> list[BaseRoute]:
        """BentoML's routes, and after them those of the Open Inference Protocol."""
        return [*super().routes, *Rest(self.inference_model).routes]

    def make_traffic_metrics(self, app: ASGIApp, /, **options: Any) -> TrafficMetrics:
        """Create the metrics middleware and keep it, for requests refused before they reach the app."""
        self.traffic = TrafficMetrics(app, **options)
        return self.traffic

    def count_early_refusal(self, path: str) -> None:
        """Count a 429 that the HTTP protocol sent without calling the app."""
        count_refusal("busy")
        if self.traffic is not None:
            self.traffic.count_early_refusal(path)

    def count_grpc(self, method: str, status: int, seconds: float) -> None:
        """Count a gRPC call like an HTTP request."""
        if self.traffic is not None:
            self.traffic.count(method, status, seconds)

    def start_draining(self) -> None:
        """The lame-duck period begins."""
        self.draining = True
        if self.grpc is not None:
            asyncio.get_running_loop().create_task(self.grpc.drain())

    def inference_model(self) -> InferenceModel:
        """The model that is served now, for the Open Inference Protocol."""
        return self.inference_of(self._service_instance.served)

    async def check_ready(self) -> None:
        """What ``/readyz`` says, without a request.

        Raises:
            Problem: 503.
        """
        if self.draining:
            raise Problem(503, SHUTTING_DOWN)
        try:
            await self.readyz(None)
        except HTTPException as error:
            raise Problem(error.status_code) from None

    async def readyz(self, request: Request | None) -> Response:
        """As in BentoML, but 503 while a worker is missing."""
        if self.workers > 1 and await asyncio.to_thread(worker_missing, self.workers):
            raise HTTPException(503)
        response: Response = await super().readyz(request)
        return response

    async def create_instance(self, app: Starlette) -> None:
        """Create the service object, then a queue for each batchable method."""
        # uvicorn formats an access log line per request as long as its logger may have a reader.
        logging.getLogger("uvicorn.access").propagate = False
        await super().create_instance(app)
        self.queue = self.batching_queue()
        self.predict_batch = partial(self.service.apis["predict_batch"].func, self._service_instance)
        ways = (self.queue.submit, self.predict_batch, self.in_flight, self.check_ready)
        self.inference_of = lru_cache(1)(partial(inference_model, *ways))
        self.swapping = Swapping(self._service_instance)
        if isinstance(self._service_instance.recorder, Challenger):
            self._service_instance.recorder.start(self.in_flight.idle)
        settings = read_settings()
        if settings.grpc_port is not None:
            self.grpc = await start_grpc(
                settings, self.inference_model, self.count_grpc, self.timeout, shared_port=self.workers > 1
            )

    async def destroy_instance(self, app: Starlette) -> None:
        """Complete the gRPC calls in flight, then as in BentoML."""
        if self.grpc is not None:
            await self.grpc.stop()
        self.swapping.stop()
        if isinstance(self._service_instance.recorder, Challenger):
            await self._service_instance.recorder.stop()
        await super().destroy_instance(app)

    def batching_queue(self) -> BatchingQueue[WeatherVariables, Served, Forecast]:
        """The queue of single observations, with BentoML's metric of the batch size."""
        predict = self.service.apis["predict"]
        # BentoML looks the method up through a descriptor that inspects its signature for each request.
        compute = partial(predict.func, self._service_instance)
        limits = (predict.max_batch_size, predict.max_latency_ms / 1000)
        if not self.enable_metrics:
            return BatchingQueue(compute, *limits)
        batch_size = self.adaptive_batch_size_hist.labels(
            runner_name=self.service.name,
            worker_index=server_context.worker_index,
            method_name="predict",
            service_version=server_context.bento_version,
            service_name=server_context.bento_name,
        )
        queue_wait = BufferedHistogram(families()["queue_wait_seconds"])
        return BatchingQueue(compute, *limits, queue_wait, BufferedHistogram(batch_size))

    async def answer_single(self, body: bytes, _: str, __: Scope) -> tuple[bytes, bytes]:
        """``POST /predict``."""
        served: Served = self._service_instance.served
        observation = single.parse(body, served.optional)
        return single.write(await self.queue.submit(observation, served)), served.header

    async def answer_bulk(self, body: bytes, media_type: str, scope: Scope) -> tuple[bytes, bytes]:
        """``POST /predict_batch``."""
        served: Served = self._service_instance.served
        observations = await bulk.parse(body, media_type, served.optional, scope["query_string"])
        return await bulk.write(await self.predict_batch(observations, served)), served.header
