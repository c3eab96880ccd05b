"""Prometheus metrics of the service other than the scores; docs/stations.md describes their use."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

reports = Counter("stations_reports", "Reports by source and what became of them", ["source", "outcome"])
refused_reports = Counter("stations_reports_refused", "Reports that could not be taken", ["source"])
refusals = Counter("stations_refusals", "Requests answered with an error, by status", ["status"])
forecasts = Counter("stations_forecasts", "Forecasts stored")
queue_length = Gauge("stations_queue_length", "Hours that wait for a forecast")
mqtt_connected = Gauge("stations_mqtt_connected", "1 while there is a connection to the broker", ["broker"])
forecast_service_up = Gauge("stations_forecast_service_up", "0 while the circuit breaker is open")
request_seconds = Histogram(
    "stations_request_seconds",
    "Time to answer a request, the wait for its forecast included",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
