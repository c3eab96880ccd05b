"""Probes and metrics."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stations import metrics
from stations.api.state import state_of
from stations.http.problems import Problem


async def livez(request: Request) -> Response:
    """``GET /livez``: 200 while the background tasks run."""
    failed = state_of(request).failed
    if failed:
        raise Problem(503, f"{failed}; the service must be started again")
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> Response:
    """``GET /readyz``: 200 while reports can be stored.

    The forecast service may be down; then stored hours wait in the queue.
    """
    state = state_of(request)
    if state.draining.draining:
        raise Problem(503, "the service is about to stop")
    if state.failed:
        raise Problem(503, state.failed)
    await state.database.read(_answers)
    return JSONResponse(
        {"status": "ready", "forecast_service": "down" if state.forwarder.breaker.open else "up"}
    )


def _answers(connection: Connection) -> None:
    connection.execute(select(1))


async def get_metrics(request: Request) -> Response:
    """``GET /metrics``, in Prometheus' text format."""
    metrics.forecast_service_up.set(0 if state_of(request).forwarder.breaker.open else 1)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
