"""Our service with one optimisation undone, the one named in the environment variable WITHOUT."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bentoml._internal.marshal.dispatcher import CorkDispatcher
from starlette.middleware import Middleware

import service
from benchmarks.peers.model import ARTIFACTS
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.http.problems import Problem
from weather.importing.compiling import variants
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read
from weather.model.classifier import Classifier
from weather.serving import app, served
from weather.serving.app import AppFactory
from weather.serving.queue import BatchingQueue, Observe

RainForecast = service.RainForecast
WITHOUT = os.environ.get("WITHOUT", "")


def keep(*names: str) -> None:
    """Keep the middlewares of BentoML with these class names."""
    replace = AppFactory.replace

    def replace_others(self: AppFactory, middleware: Middleware) -> list[Middleware]:
        return [middleware] if getattr(middleware.cls, "__name__", "") in names else replace(self, middleware)

    AppFactory.replace = replace_others  # type: ignore[method-assign]


class Dispatcher(BatchingQueue[Any, Any, Any]):
    """BentoML's dispatcher, behind the interface of our queue."""

    def __init__(
        self,
        compute: Callable[[Sequence[Any], Any], Awaitable[Sequence[Any]]],
        max_batch_size: int,
        max_latency: float,
        queue_wait: Observe | None = None,
        batch_size: Observe | None = None,
    ) -> None:
        super().__init__(compute, max_batch_size, max_latency, queue_wait, batch_size)
        dispatcher = CorkDispatcher[Any, Any](
            int(max_latency * 1000), max_batch_size, fallback=self.drop, get_batch_size=lambda _: 1
        )
        self.dispatch = dispatcher(self.computed)

    async def submit(self, row: Any, model: Any) -> Any:
        """The result of one row; all rows have the same model here."""
        return await self.dispatch((row, model))

    async def computed(self, items: Sequence[tuple[Any, Any]]) -> Sequence[Any]:
        """The results, and the metric that BentoML has of a batch."""
        if self.batch_size is not None:
            self.batch_size(len(items))
        return await self.compute([row for row, _ in items], items[0][1])

    def drop(self) -> Any:
        """Called instead of a row's computation when the row has waited for too long."""
        raise Problem(503)


def original_graph(*_: object) -> Classifier:
    """The imported classifier behind its scaler, not rewritten."""
    variants._rewritten = lambda *_: iter(())
    return Classifier(compile_pair(read(ARTIFACTS / SCALER_FILE, ARTIFACTS / MODEL_FILE)).model)


match WITHOUT:
    case "the frozen heap":
        RainForecast.inner.freeze_heap = None  # type: ignore[attr-defined]
    case "leaving out idle tracing":
        keep("OpenTelemetryMiddleware")
    case "the kept metric series":
        keep("RunnerTrafficMetricsMiddleware")
    case "the deadline without a task":
        keep("TimeoutMiddleware")
    case "the batching queue":
        app.BatchingQueue = Dispatcher  # type: ignore[misc]
    case "the graph rewrite":
        served.load = original_graph  # type: ignore[assignment]
    case "switching the access log off":
        RainForecast.config["logging"]["access"]["enabled"] = True  # type: ignore[attr-defined]
    case _:
        raise SystemExit(f"WITHOUT={WITHOUT!r} is not the name of an optimisation")
