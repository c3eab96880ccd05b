"""The application: routes, background tasks, startup and shutdown."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from stations.api import consoles, operations, places, reports
from stations.api.state import State
from stations.forwarding.client import ForecastService
from stations.forwarding.forwarder import Forwarder
from stations.http.draining import Draining
from stations.http.keys import Keys
from stations.http.problems import HANDLED, answer_problem
from stations.ingestion import Ingestion
from stations.logs import RequestId
from stations.mqtt.bridge import Bridge
from stations.mqtt.mapping import read
from stations.pages import routes as pages
from stations.settings import Settings
from stations.store.access import Database
from stations.store.database import connect, migrate
from stations.store.retention import tidy
from stations.verification.gauges import Gauges
from stations.verification.live import Scores

log = logging.getLogger("stations")

ROUTES = [
    *pages.ROUTES,
    Route("/metar", reports.post_metar, methods=["POST"]),
    Route("/reports", reports.post_reports, methods=["POST"]),
    Route("/report", reports.get_report),
    Route("/ecowitt/{station}", consoles.post_ecowitt, methods=["POST"]),
    Route("/ecowitt/{station}/{key}", consoles.post_ecowitt, methods=["POST"]),
    Route("/weatherstation/updateweatherstation.php", consoles.get_wunderground),
    Route("/stations", places.get_stations),
    Route("/stations/{station}", places.get_station),
    Route("/stations/{station}", places.put_station, methods=["PUT"]),
    Route("/scores", places.get_scores),
    Route("/export.csv", places.get_export),
    Route("/livez", operations.livez),
    Route("/readyz", operations.readyz),
    Route("/metrics", operations.get_metrics),
]


def create(settings: Settings) -> Starlette:
    """The ASGI application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running(settings) as state:
            app.state.stations = state
            yield

    return Starlette(
        routes=ROUTES,
        middleware=[Middleware(RequestId)],
        exception_handlers=dict.fromkeys(HANDLED, answer_problem),
        lifespan=lifespan,
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[State]:
    """Migrate the database, run the background tasks, and shut everything down in order at the end."""
    engine = connect(settings.database)
    await asyncio.to_thread(migrate, engine)
    database = Database(engine, settings.max_pending_reports)
    service = ForecastService(settings.forecast_url, settings.forecast_key, settings.forecast_timeout_seconds)
    forwarder = Forwarder(database, service, settings)
    ingestion = Ingestion(database, forwarder, settings)
    await ingestion.start()
    state = State(
        settings=settings,
        database=database,
        forwarder=forwarder,
        ingestion=ingestion,
        keys=Keys(settings.keys_file) if settings.keys_file else None,
        scores=Scores(database),
        draining=Draining(settings.lame_duck_seconds),
    )
    state.draining.watch()
    gauges = Gauges(database, settings)
    REGISTRY.register(gauges)
    work = {
        "the forwarder": forwarder.run(),
        "the scores": gauges.run(),
        "retention": tidy(database, settings),
    }
    if settings.mqtt_url:
        mapping = read(settings.mqtt_mapping) if settings.mqtt_mapping else []
        bridge = Bridge(ingestion, database, settings, mapping)
        forwarder.listeners.append(bridge.forecast)
        work["MQTT"] = bridge.run()
    tasks = [watched(state, name, coroutine) for name, coroutine in work.items()]
    try:
        yield state
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        REGISTRY.unregister(gauges)
        await service.close()
        await database.close()


def watched(state: State, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run an essential task: if it fails, the service stops so that its supervisor restarts it."""

    async def watch() -> None:
        try:
            await work
        except Exception:
            log.critical("%s failed; the service stops", name, exc_info=True)
            state.failed = f"{name} failed"
            signal.raise_signal(signal.SIGTERM)

    return asyncio.create_task(watch(), name=name)
