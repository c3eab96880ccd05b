"""Our service with one optimisation undone, the one named in the environment variable WITHOUT."""

from __future__ import annotations

import os
from typing import Any

from _bentoml_impl.server.app import ServiceAppFactory
from bentoml._internal.marshal.dispatcher import Optimizer
from starlette.middleware import Middleware

import service
from benchmarks.peers.model import ARTIFACTS
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.importing import variants
from weather.importing.artifacts import read
from weather.importing.compiler import compile_pair
from weather.model.classifier import Classifier
from weather.serving import queue
from weather.serving.app import AppFactory
from weather.serving.single import Observation, SingleForecast

RainForecast = service.RainForecast
WITHOUT = os.environ.get("WITHOUT", "")


def keep(*names: str) -> None:
    """Keep the middlewares of BentoML with these class names."""
    replace = AppFactory.replace

    def replace_others(self: AppFactory, middleware: Middleware) -> list[Middleware]:
        return [middleware] if getattr(middleware.cls, "__name__", "") in names else replace(self, middleware)

    AppFactory.replace = replace_others  # type: ignore[method-assign]


def bentoml_endpoint() -> None:
    """Use BentoML's own endpoint code, with a batch of one as input and output."""
    parse, write = Observation.from_http_request, SingleForecast.to_http_response

    async def parsed(request: Any, serde: Any) -> Any:
        return [await parse(request, serde)]

    async def written(obj: Any, serde: Any) -> Any:
        return await write(obj[0], serde)

    Observation.from_http_request = parsed  # type: ignore[method-assign, assignment]
    SingleForecast.to_http_response = written  # type: ignore[method-assign, assignment]
    AppFactory.api_endpoint = ServiceAppFactory.api_endpoint  # type: ignore[method-assign]
    AppFactory.create_instance = ServiceAppFactory.create_instance  # type: ignore[method-assign]


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
    case "the short way to the dispatcher":
        bentoml_endpoint()
    case "dispatching at once":
        queue.NoWaitOptimizer = Optimizer  # type: ignore[misc]
    case "the graph rewrite":
        service.load = original_graph  # type: ignore[assignment]
    case "switching the access log off":
        RainForecast.config["logging"]["access"]["enabled"] = True  # type: ignore[attr-defined]
    case _:
        raise SystemExit(f"WITHOUT={WITHOUT!r} is not the name of an optimisation")
