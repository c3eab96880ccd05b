"""Every touch of BentoML's private parts, in one place; made for the version pinned in pyproject.

BentoML's ``service(service_class=…)`` is public, and so one may subclass the service and the
factory that builds its ASGI app. Nothing in BentoML's modules is patched.
``tests/serving/test_bentoml_internals.py`` fails loudly when an upgrade changes what is relied on here.

Figures beside the tunings: throughput at 32 connections with all of them, as a multiple of that
without the one, from one run of ``make bench`` (docs/performance.md; a quarter is noise).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter, time
from typing import Any

from _bentoml_impl.server.app import ContextMiddleware, ServiceAppFactory
from _bentoml_sdk import Service
from _bentoml_sdk.io_models import IODescriptor
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.context import server_context
from bentoml._internal.marshal.dispatcher import Optimizer
from bentoml._internal.resource import system_resources
from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware
from bentoml._internal.server.http.traffic import MaxConcurrencyMiddleware, TimeoutMiddleware
from bentoml._internal.server.http_app import log_exception
from bentoml.exceptions import BentoMLException
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.admission import Admission
from weather.http.deadline import Deadline
from weather.http.limits import ENDPOINTS
from weather.http.problems import Problem, http_problem, unexpected_problem
from weather.pages.routes import PAGE_PATHS
from weather.serving.workers import missing
from weather.telemetry.metrics import Observed, families, notebook, observe, refused
from weather.telemetry.request_id import RequestId

__all__ = ["IODescriptor", "LeanApp", "LeanService"]


class LeanService(Service[Any]):  # type: ignore[misc]
    """A BentoML service whose app is built by ``LeanApp``."""

    def to_asgi(self, is_main: bool = True) -> Starlette:
        """As in BentoML, but for the factory."""
        self.inject_config()
        return LeanApp(self, is_main=is_main)()


class LeanApp(ServiceAppFactory):  # type: ignore[misc]
    """BentoML's app with a shorter way from request to dispatcher and one error shape."""

    def __init__(self, service: Service[Any], is_main: bool) -> None:
        super().__init__(service, is_main=is_main)
        self.traffic: Traffic | None = None
        workers = BentoMLContainer.config.services.get()[service.name]["workers"] or 1
        self.workers = int(system_resources()["cpu"]) if workers == "cpu_count" else int(workers)
        self.most = {path: endpoint.max_in_flight for path, endpoint in ENDPOINTS.items()}
        if self.max_concurrency:
            self.most["/predict"] = self.max_concurrency

    def __call__(self) -> Starlette:
        """The app, with every error that Starlette makes in the one shape."""
        app: Starlette = super().__call__()
        app.add_exception_handler(HTTPException, http_problem)
        app.add_exception_handler(Exception, unexpected_problem)
        return app

    @property
    def middlewares(self) -> list[Middleware]:
        """BentoML's, with cheaper ones in the place of four, and all answers named."""
        lean = [ours for theirs in super().middlewares for ours in self.lean(theirs)]
        return [Middleware(RequestId), *lean]

    def lean(self, middleware: Middleware) -> list[Middleware]:
        """What takes the place of one of BentoML's middlewares."""
        kind: Any = middleware.cls
        if kind is TimeoutMiddleware:
            # BentoML's starts a task and leaves a timer behind for each request (1.5 x).
            return [Middleware(Deadline, seconds=self.timeout)]
        if kind is RunnerTrafficMetricsMiddleware:
            # BentoML's looks up five labelled series, and writes to each, for each request (1.6 x).
            paths = {route.path for route in self.routes if isinstance(route, Route)}
            return [Middleware(self.count_traffic, paths=paths | PAGE_PATHS, **middleware.kwargs)]
        if kind is MaxConcurrencyMiddleware:
            # BentoML's takes slow senders' requests in; Admission has its figure.
            return []
        if kind is OpenTelemetryMiddleware and not tracing():
            # BentoML's builds a span for each request even if nobody collects spans (3.3 x).
            return []
        if kind is ContextMiddleware:
            return [Middleware(Admission, most=self.most, refused=self.count_refusal), middleware]
        return [middleware]

    def count_traffic(self, app: ASGIApp, /, **options: Any) -> Traffic:
        """Make the metrics middleware, and remember it for what the front door refuses."""
        self.traffic = Traffic(app, **options)
        return self.traffic

    def count_refusal(self, path: str) -> None:
        """Count a 429 that the metrics middleware doesn't see."""
        refused("busy")
        if self.traffic is not None:
            self.traffic.refused[path] += 1
            notebook.noted()

    async def readyz(self, request: Request) -> Response:
        """As BentoML's, but 503 as long as a worker is missing."""
        if self.workers > 1 and await asyncio.to_thread(missing, self.workers):
            raise HTTPException(503)
        answer: Response = await super().readyz(request)
        return answer

    async def create_instance(self, app: Starlette) -> None:
        """Make the service, then for each batchable method a queue, once."""
        # uvicorn formats an access line for each request if anybody might listen.
        logging.getLogger("uvicorn.access").propagate = False
        await super().create_instance(app)
        self.queues = {name: self.queue(name) for name in self.dispatchers}

    def queue(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        """Through BentoML's dispatcher to the method; takes one item, gives its result.

        BentoML's way there wraps the dispatcher anew and looks the method up by a descriptor that
        inspects its signature, for each request (1.7 x).
        """
        dispatcher = self.dispatchers[name]
        dispatcher.get_batch_size = _one
        dispatcher.optimizer = NeverWait(dispatcher.max_latency)
        method = self.service.apis[name].func
        instance = self._service_instance
        batch_size = None
        if self.enable_metrics:
            dispatcher.optimizer.waited = Observed(families()["queue_wait_seconds"])
            batch_size = Observed(
                self.adaptive_batch_size_hist.labels(
                    runner_name=self.service.name,
                    worker_index=server_context.worker_index,
                    method_name=name,
                    service_version=server_context.bento_version,
                    service_name=server_context.bento_name,
                )
            )

        async def batch(items: Sequence[Any]) -> Sequence[Any]:
            if batch_size is not None:
                batch_size(len(items))
            results: Sequence[Any] = await method(instance, items)
            return results

        dispatcher.callback = batch
        controller = asyncio.get_running_loop().create_task(dispatcher.controller())
        dispatcher._controller = controller

        async def ask(item: Any) -> Any:
            try:
                result = await dispatcher.inbound_call(item)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise  # the request itself was cancelled
                refused("queue")
                raise Problem(503) from None  # the dispatcher gave the item up
            if isinstance(result, Exception):
                raise result
            return result

        return ask

    async def api_endpoint_wrapper(self, name: str, request: Request) -> Response:
        """Answer, or give the one error shape."""
        try:
            return await self.api_endpoint(name, request)
        except Problem as problem:
            return problem.response()
        except BentoMLException as error:
            log_exception(request)
            return Problem(error.error_code.value).response()
        except Exception:
            log_exception(request)
            return Problem(500).response()

    async def api_endpoint(self, name: str, request: Request) -> Response:
        """For a batchable method: parse, wait for the batch, answer."""
        queue = self.queues.get(name)
        if queue is None:
            answer: Response = await super().api_endpoint(name, request)
            return answer
        method = self.service.apis[name]
        item = await method.input_spec.from_http_request(request, None)
        response: Response = await method.output_spec.to_http_response(await queue(item), None)
        return response


class Traffic(RunnerTrafficMetricsMiddleware):
    """BentoML's request metrics, with the labelled series looked up once, written to in bulk.

    A path that the service does not have counts as ``other``: a scan for paths must not make new
    series without end.
    """

    def __init__(self, app: ASGIApp, *, paths: set[str], **options: Any) -> None:
        super().__init__(app, **options)
        self.paths = paths
        self.series: dict[tuple[Any, ...], Any] = {}
        self.seconds: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        self.in_progress: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.last = 0.0
        notebook.writers.append(self.write)

    def of(self, family: str, **labels: Any) -> Any:
        """The series of a family (an attribute that BentoML's ``_setup`` makes)."""
        key = (family, *labels.values())
        found = self.series.get(key)
        if found is None:
            if not self._is_setup:
                self._setup()
            found = self.series[key] = getattr(self, family).labels(
                service_name=server_context.bento_name,
                service_version=server_context.bento_version,
                runner_name=server_context.service_name,
                **labels,
            )
        return found

    def write(self) -> None:
        """Hand what was noted to Prometheus' client."""
        for (endpoint, status), seconds in self.seconds.items():
            labels = {"endpoint": endpoint, "http_response_code": status}
            self.of("metrics_request_total", **labels).inc(len(seconds))
            observe(self.of("metrics_request_duration", **labels), seconds)
        self.seconds.clear()
        for endpoint, count in self.refused.items():
            self.of("metrics_request_total", endpoint=endpoint, http_response_code=429).inc(count)
        self.refused.clear()
        for endpoint, count in self.in_progress.items():
            self.of("metrics_request_in_progress", endpoint=endpoint).set(count)
        if self.last:
            self.of("metrics_last_request_timestamp").set(self.last)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/metrics":
            if scope["type"] == "http":
                notebook.write()
            await self.app(scope, receive, send)
            return
        endpoint = scope["path"] if scope["path"] in self.paths else "other"
        status = 500

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        if endpoint not in self.skip_paths:
            self.last = time()
        self.in_progress[endpoint] += 1
        notebook.noted()
        start = perf_counter()
        try:
            await self.app(scope, receive, noticed)
        finally:
            self.in_progress[endpoint] -= 1
            self.seconds[endpoint, status].append(perf_counter() - start)
            notebook.noted()


class NeverWait(Optimizer):
    """Lets the dispatcher send what is queued as soon as the classifier is free.

    BentoML's optimizer holds requests back for as long as earlier ones have waited, hoping for a
    larger batch; after a busy spell a lone client then waits milliseconds for a forecast of 50
    microseconds. Batches form all the same, of what arrives while the one before is computed.
    """

    waited: Callable[[float], None] | None = None
    """Told for each batch how many seconds its oldest row waited; BentoML gives 0 for the first ten."""

    def log_outbound(self, n: int, wait: float, duration: float) -> None:
        """Once a batch."""
        if self.waited is not None:
            self.waited(max(wait, 0.0))
        super().log_outbound(n, wait, duration)

    def trigger_refresh(self) -> None:
        """Learn how long batches take, as BentoML does, and forget how long requests waited."""
        super().trigger_refresh()
        self.wait = 0


def _one(_: object) -> int:
    """Each item is one row."""
    return 1


def tracing() -> bool:
    """Whether a trace exporter is configured."""
    return BentoMLContainer.config.tracing.exporter_type.get() is not None
