"""Clients of the service, for Locust; ``make loadtest`` runs them.

Closed loop: each user waits for the response before it sends the next request. Without class names on
the command line only ``Station`` runs; ``Station Front Bulk BadClient`` mixes them by their weights.
"""

from __future__ import annotations

import json
import random
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.progress import report_progress
from loadtest.requests import committed_classifier
from loadtest.stations import BURSTS, OBSERVATIONS, observation
from loadtest.verdict import REJECTED, THRESHOLDS, read_thresholds, verdict
from weather.contract.variables import EXAMPLE, FEATURES, LABELS, LIMITS, WeatherVariables
from weather.model.classifier import Classifier

CHECKED_SHARE = 1 / 20
"""Share of the responses that are compared with the classifier, computed here."""

FRONT_SECONDS = 5
BURST = 10
JSON, CSV = "application/json", "text/csv"
INVALID: tuple[Mapping[str, object], ...] = (
    *({name: high + 82} for name, (_, high) in LIMITS.items()),  # humidity as a percentage, for instance
    *({name: low - 860} for name, (low, _) in LIMITS.items()),  # a failed sensor's 0 mbar, for instance
    {FEATURES[0]: str(EXAMPLE[FEATURES[0]])},
    {FEATURES[-1]: None},
    {"unknown_field": 1},
)
"""Changes that make an observation invalid; the error must name the field."""


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: ArgumentParser) -> None:
    """Add our options to Locust's."""
    parser.add_argument(
        "--model",
        choices=("committed", "other"),
        default="committed",
        env_var="LOADTEST_MODEL",
        help="other: the target serves another model, so only the form of responses is checked",
    )
    parser.add_argument(
        "--api-key",
        default="",
        env_var="LOADTEST_API_KEY",
        is_secret=True,
        help="if the target requires one",
    )
    parser.add_argument("--thresholds", default=str(THRESHOLDS), help="a file like loadtest/thresholds.toml")


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: Any) -> None:
    """Compile the model before the load starts; without class names select ``Station`` only."""
    assert environment.parsed_options is not None
    read_thresholds(Path(environment.parsed_options.thresholds))
    classifier()
    named = environment.parsed_options.user_classes or environment.parsed_options.class_picker
    if not named and not isinstance(environment.runner, WorkerRunner):
        environment.user_classes = [Station]


events.test_start.add_listener(report_progress)  # type: ignore[no-untyped-call]


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def report(environment: Environment, **_: Any) -> None:
    """Print the verdict and set the exit code, in the process with the statistics of all workers."""
    if isinstance(environment.runner, WorkerRunner) or environment.runner is None:
        return
    assert environment.parsed_options is not None
    met, lines = verdict(environment.stats, read_thresholds(Path(environment.parsed_options.thresholds)))
    if environment.runner.exceptions:
        met = False
        lines.append("MISSED exceptions in the load test itself, see the log")
    print("\n".join(lines), flush=True)
    environment.process_exit_code = 0 if met else 1


@cache
def classifier() -> Classifier:
    """The committed model, compiled once per process."""
    return committed_classifier()


def forecast_fault(forecast: object) -> str:
    """What is wrong with the form of a forecast; empty if nothing is."""
    if not isinstance(forecast, dict) or forecast.keys() != {"prediction", "probability"}:
        return f"not a forecast: {forecast!r}"
    label, probability = forecast["prediction"], forecast["probability"]
    if label not in LABELS:
        return f"unknown prediction {label!r}"
    if probability is not None and not (type(probability) in (int, float) and 0 <= probability <= 1):
        return f"impossible probability {probability!r}"
    return ""


def mismatch(rows: list[dict[str, float]], forecasts: list[dict[str, Any]]) -> str:
    """Which forecast differs from the committed model's; empty if none does.

    Probabilities may differ by 1e-4, because processors round differently.
    """
    expected = classifier().forecast([WeatherVariables(**row) for row in rows])
    for number, (ours, theirs) in enumerate(zip(expected, forecasts, strict=True)):
        difference = abs((ours.probability or 0) - (theirs["probability"] or 0))
        if ours.prediction != theirs["prediction"] or difference > 1e-4:
            return f"row {number}: not the committed model's forecast (for another model use --model other)"
    return ""


def error_fault(text: str, field: str) -> str:
    """What is wrong with an error body, which must name ``field`` if given; empty if nothing is."""
    try:
        body = json.loads(text)
        valid = (
            body.keys() == {"error", "detail"}
            and isinstance(body["error"], str)
            and all(fault.keys() == {"loc", "msg", "type"} for fault in body["detail"])
            and (not field or any(field in fault["loc"] for fault in body["detail"]))
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        valid = False
    return "" if valid else "not the standard error body"


def forecasts_fault(text: str, body: str, media_type: str, compare: bool) -> str:
    """What is wrong with the text of a 200; empty if nothing is. ``compare``: with the committed model."""
    try:
        rows, forecasts = parse_exchange(text, body, media_type)
    except (ValueError, TypeError, KeyError):
        return f"not forecasts: {text[:200]!r}"
    if len(rows) != len(forecasts):
        return f"{len(forecasts)} forecasts for {len(rows)} observations"
    for forecast in forecasts:
        if fault := forecast_fault(forecast):
            return fault
    return mismatch(rows, forecasts) if compare else ""


def parse_exchange(text: str, body: str, media_type: str) -> tuple[list[dict[str, float]], list[Any]]:
    """The observations of a request and the forecasts of its response.

    Raises:
        ValueError, TypeError, KeyError: the response does not have the form that the request asks for.
    """
    if media_type == CSV:
        lines = [line.split(",") for line in body.splitlines()[1:]]
        rows = [dict(zip(FEATURES, map(float, line), strict=True)) for line in lines]
        header, *cells = text.splitlines()
        if header != "prediction,probability":
            raise ValueError(header)
        pairs = [line.split(",") for line in cells]
        return rows, [{"prediction": p, "probability": float(q) if q else None} for p, q in pairs]
    request, response = json.loads(body), json.loads(text)
    if "observations" in request:
        return request["observations"], response["forecasts"]
    return [request], [response]


class Client(FastHttpUser):
    """Base class of all clients: sends the API key, and handles 429."""

    abstract = True

    def on_start(self) -> None:
        """Set the API key, if there is one."""
        options = self.environment.parsed_options
        if options is not None and options.api_key:
            self.client.auth_header = f"Bearer {options.api_key}"

    def post(
        self, path: str, body: str, media_type: str, name: str, status: int, fault: Callable[[str], str]
    ) -> None:
        """POST ``body``; the response must have ``status`` and a text in which ``fault`` finds nothing.

        A documented 429 is not a failure; the client then waits for Retry-After and a random time.
        """
        with self.client.post(
            path, data=body, headers={"Content-Type": media_type}, name=name, catch_response=True
        ) as response:
            text = response.text or ""
            if response.status_code == 429 and not error_fault(text, ""):
                response.request_meta["name"] = name + REJECTED
                response.success()
            elif response.status_code == 0:
                response.failure(f"no response from {self.host}: {response.error}")
            elif response.status_code != status:
                response.failure(f"status {response.status_code} instead of {status}: {text[:200]}")
            elif reason := fault(text):
                response.failure(reason)
            else:
                response.success()
        if response.status_code == 429:
            time.sleep(1 + random.random())

    def forecast(self, path: str, body: str, media_type: str, name: str) -> None:
        """POST observations, and check the forecasts."""
        options = self.environment.parsed_options
        compare = options is not None and options.model == "committed" and random.random() < CHECKED_SHARE
        self.post(path, body, media_type, name, 200, lambda t: forecasts_fault(t, body, media_type, compare))


class Station(Client):
    """Sends about ten observations per second: as many as 36,000 stations that report hourly."""

    weight = 10
    wait_time = between(0.05, 0.15)

    @task
    def predict(self) -> None:
        """One observation."""
        self.forecast("/predict", json.dumps(observation()), JSON, "/predict")


class Front(Client):
    """Stations that a front passes: every FRONT_SECONDS all send BURST rainy hours at the same time."""

    weight = 3

    def wait_time(self) -> float:
        """Seconds until the next front, by the clock, so that all users and processes are in step."""
        return FRONT_SECONDS - time.time() % FRONT_SECONDS

    @task
    def burst(self) -> None:
        """One request after another, without a pause."""
        for _ in range(BURST):
            self.forecast("/predict", json.dumps(random.choice(BURSTS)), JSON, "/predict")


class Bulk(Client):
    """Archives that send 100 to 1,000 hours in one request."""

    weight = 1
    wait_time = between(1, 3)

    @task
    def as_json(self) -> None:
        """As JSON."""
        rows = random.sample(OBSERVATIONS, random.randint(100, 1000))
        body = json.dumps({"observations": rows})
        self.forecast("/predict_batch", body, JSON, "/predict_batch JSON")

    @task
    def as_csv(self) -> None:
        """As CSV."""
        rows = random.sample(OBSERVATIONS, random.randint(100, 1000))
        lines = [",".join(FEATURES), *(",".join(str(row[name]) for name in FEATURES) for row in rows)]
        self.forecast("/predict_batch", "\n".join(lines), CSV, "/predict_batch CSV")


class BadClient(Client):
    """Sends invalid observations, and expects a 400 that names the field."""

    weight = 1
    wait_time = between(0.2, 0.6)

    @task
    def invalid(self) -> None:
        """An observation with one fault."""
        change = random.choice(INVALID)
        body = json.dumps({**observation(), **change})
        field = next(iter(change))
        self.post("/predict", body, JSON, "/predict, invalid", 400, lambda text: error_fault(text, field))
