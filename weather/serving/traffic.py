"""BentoML's request metrics, counted in memory and written in bulk."""

from __future__ import annotations

from collections import Counter, defaultdict
from time import perf_counter, time
from typing import Any

from bentoml._internal.context import server_context
from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weather.http.limits import unversioned
from weather.telemetry.buffer import buffer, observe_many


class TrafficMetrics(RunnerTrafficMetricsMiddleware):
    """ASGI middleware: counts and times requests in BentoML's metrics.

    Each labelled series is looked up once. Paths that the service does not have are counted as
    ``other``, so that a scan for paths can't create new series without limit.
    """

    def __init__(self, app: ASGIApp, *, paths: set[str], **options: Any) -> None:
        super().__init__(app, **options)
        self.paths = paths
        self.series: dict[tuple[Any, ...], Any] = {}
        self.seconds: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        self.in_progress: Counter[str] = Counter()
        self.early_refusals: Counter[str] = Counter()
        self.last = 0.0
        buffer.writers.append(self.write)

    def count_early_refusal(self, path: str) -> None:
        """Count a 429 that was sent without calling the app."""
        self.early_refusals[path] += 1
        buffer.schedule()

    def count(self, endpoint: str, status: int, seconds: float) -> None:
        """Count and time a call that did not come by HTTP."""
        self.last = time()
        self.seconds[endpoint, status].append(seconds)
        buffer.schedule()

    def label(self, path: str) -> str:
        """The endpoint of a path that is not in ``paths`` as it stands."""
        endpoint = unversioned(path)
        return endpoint if endpoint in self.paths else "other"

    def labelled(self, family: str, **labels: Any) -> Any:
        """The series of a metric family; ``family`` is an attribute that BentoML's ``_setup`` makes."""
        key = (family, *labels.values())
        series = self.series.get(key)
        if series is None:
            if not self._is_setup:
                self._setup()
            series = self.series[key] = getattr(self, family).labels(
                service_name=server_context.bento_name,
                service_version=server_context.bento_version,
                runner_name=server_context.service_name,
                **labels,
            )
        return series

    def write(self) -> None:
        """Pass the buffered counts to the Prometheus client."""
        for (endpoint, status), seconds in self.seconds.items():
            labels = {"endpoint": endpoint, "http_response_code": status}
            self.labelled("metrics_request_total", **labels).inc(len(seconds))
            observe_many(self.labelled("metrics_request_duration", **labels), seconds)
        self.seconds.clear()
        for endpoint, count in self.early_refusals.items():
            self.labelled("metrics_request_total", endpoint=endpoint, http_response_code=429).inc(count)
        self.early_refusals.clear()
        for endpoint, count in self.in_progress.items():
            self.labelled("metrics_request_in_progress", endpoint=endpoint).set(count)
        if self.last:
            self.labelled("metrics_last_request_timestamp").set(self.last)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/metrics":
            if scope["type"] == "http":
                buffer.write()
            await self.app(scope, receive, send)
            return
        endpoint = scope["path"] if scope["path"] in self.paths else self.label(scope["path"])
        status = 500

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        if endpoint not in self.skip_paths:
            self.last = time()
        self.in_progress[endpoint] += 1
        buffer.schedule()
        start = perf_counter()
        try:
            await self.app(scope, receive, send_and_note_status)
        finally:
            self.in_progress[endpoint] -= 1
            self.seconds[endpoint, status].append(perf_counter() - start)
            buffer.schedule()
