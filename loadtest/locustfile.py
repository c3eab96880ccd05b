"""Clients of the service, for Locust; ``make loadtest`` runs them.

Closed loop: each user waits for its answer before it asks again. Without class names on the command
line only ``Station`` runs; ``Station Front Bulk BadClient`` mixes them by their weights.
"""

from __future__ import annotations

import json
import random
import time
from argparse import ArgumentParser
from functools import cache
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.stations import OBSERVATIONS, RAINY, observation
from loadtest.verdict import REFUSED, THRESHOLDS, thresholds, verdict
from weather.contract.variables import FEATURES, LABELS, WeatherVariables
from weather.importing.artifacts import read
from weather.importing.compiler import compile_pair
from weather.model.classifier import Classifier

ARTIFACTS = Path(__file__).parent.parent / "artifacts"
CHECKED = 1 / 20
"""Share of the answers that are compared with the classifier, computed here."""
FRONT_SECONDS = 5
BURST = 10
INVALID: tuple[dict[str, object], ...] = (
    {"humidity": 83},  # a percentage
    {"pressure_millibars": 0},  # a dead sensor
    {"temp_c": "8.75"},
    {"wind_speed_kmph": None},
    {"station": 1},
)
"""Changes that make an observation invalid; the answer must name the field."""


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: ArgumentParser) -> None:
    """Ours, beside Locust's."""
    parser.add_argument(
        "--model",
        choices=("committed", "other"),
        default="committed",
        env_var="LOADTEST_MODEL",
        help="other: the target serves another model, so check the form of answers only",
    )
    parser.add_argument(
        "--api-key", default="", env_var="LOADTEST_API_KEY", is_secret=True, help="of a target that wants one"
    )
    parser.add_argument("--thresholds", default=str(THRESHOLDS), help="a file like loadtest/thresholds.toml")


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(environment: Environment, **_: Any) -> None:
    """Compile before the load is on; stations alone unless classes were named."""
    assert environment.parsed_options is not None
    thresholds(Path(environment.parsed_options.thresholds))
    classifier()
    named = environment.parsed_options.user_classes or environment.parsed_options.class_picker
    if not named and not isinstance(environment.runner, WorkerRunner):
        environment.user_classes = [Station]


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Environment, **_: Any) -> None:
    """Print the verdict and set the exit code, where the statistics of all workers are."""
    if isinstance(environment.runner, WorkerRunner) or environment.runner is None:
        return
    assert environment.parsed_options is not None
    kept, lines = verdict(environment.stats, thresholds(Path(environment.parsed_options.thresholds)))
    if environment.runner.exceptions:
        kept = False
        lines.append("MISSED exceptions in the load itself, see the log")
    print("\n".join(lines), flush=True)
    environment.process_exit_code = 0 if kept else 1


@cache
def classifier() -> Classifier:
    """The committed model."""
    return Classifier(compile_pair(read(ARTIFACTS / "model-scaler.pkl", ARTIFACTS / "svc.onnx")).model)


def fault(answer: object) -> str:
    """What is wrong with a forecast's form; empty when nothing is."""
    if not isinstance(answer, dict) or answer.keys() != {"prediction", "probability"}:
        return f"not a forecast: {answer!r}"
    prediction, probability = answer["prediction"], answer["probability"]
    if prediction not in LABELS:
        return f"unknown prediction {prediction!r}"
    if probability is not None and not (type(probability) in (int, float) and 0 <= probability <= 1):
        return f"impossible probability {probability!r}"
    return ""


def wrong(rows: list[dict[str, float]], answers: list[dict[str, Any]]) -> str:
    """Which answer is not the committed model's; empty when none is. 1e-4: processors round otherwise."""
    forecasts = classifier().forecast([WeatherVariables(**row) for row in rows])
    for number, (ours, theirs) in enumerate(zip(forecasts, answers, strict=True)):
        apart = abs((ours.probability or 0) - (theirs["probability"] or 0))
        if ours.prediction != theirs["prediction"] or apart > 1e-4:
            return f"row {number}: the committed model says otherwise (another one? --model other)"
    return ""


def problem_fault(text: str, field: str) -> str:
    """What is wrong with a refusal's form; empty when nothing is."""
    try:
        body = json.loads(text)
        told = isinstance(body["error"], str) and all(
            d.keys() == {"loc", "msg", "type"} for d in body["detail"]
        )
        named = not field or any(field in d["loc"] for d in body["detail"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return "not the one error shape"
    return "" if told and body.keys() == {"error", "detail"} and named else "not the one error shape"


class Client(FastHttpUser):
    """What all clients do."""

    abstract = True

    def on_start(self) -> None:
        """Present the API key, if there is one."""
        options = self.environment.parsed_options
        if options is not None and options.api_key:
            self.client.auth_header = f"Bearer {options.api_key}"

    def ask(self, path: str, body: str, media_type: str, name: str) -> None:
        """Post and check the answer; after a refusal wait."""
        with self.client.post(
            path, data=body, headers={"Content-Type": media_type}, name=name, catch_response=True
        ) as response:
            text = response.text or ""
            if response.status_code == 429 and not problem_fault(text, ""):
                response.request_meta["name"] = name + REFUSED
                response.success()
            elif response.status_code != 200:
                response.failure(f"status {response.status_code}: {text[:200]}")
            elif complaint := self.complaint(text, body, media_type):
                response.failure(complaint)
        if response.status_code == 429:
            # as docs/operations.md asks of clients: Retry-After and then some random time
            time.sleep(1 + random.random())

    def complaint(self, text: str, body: str, media_type: str) -> str:
        """What is wrong with the text of a 200; the sample is compared with the model."""
        try:
            rows, answers = exchange(text, body, media_type)
        except (ValueError, TypeError, KeyError):
            return f"not forecasts: {text[:200]!r}"
        if len(rows) != len(answers):
            return f"{len(answers)} forecasts for {len(rows)} observations"
        for answer in answers:
            if found := fault(answer):
                return found
        options = self.environment.parsed_options
        if options is not None and options.model == "committed" and random.random() < CHECKED:
            return wrong(rows, answers)
        return ""


def exchange(text: str, body: str, media_type: str) -> tuple[list[dict[str, float]], list[Any]]:
    """Observations asked and forecasts answered.

    Raises:
        ValueError, TypeError, KeyError: the answer is not of the request's form.
    """
    if media_type == "text/csv":
        lines = [line.split(",") for line in body.splitlines()[1:]]
        rows = [dict(zip(FEATURES, map(float, line), strict=True)) for line in lines]
        header, *cells = text.splitlines()
        if header != "prediction,probability":
            raise ValueError(header)
        pairs = [line.split(",") for line in cells]
        return rows, [{"prediction": p, "probability": float(q) if q else None} for p, q in pairs]
    asked, answer = json.loads(body), json.loads(text)
    if "observations" in asked:
        return asked["observations"], answer["forecasts"]
    return [asked], [answer]


class Station(Client):
    """Polls steadily, about ten times a second: as many as 36,000 stations that report hourly."""

    weight = 10
    wait_time = between(0.05, 0.15)

    @task
    def predict(self) -> None:
        """One observation."""
        self.ask("/predict", json.dumps(observation()), "application/json", "/predict")


class Front(Client):
    """Stations that a front passes: all at the same moment, every FRONT_SECONDS, BURST rainy hours each."""

    weight = 3

    def wait_time(self) -> float:
        """Seconds until the next front; by the clock, so users and workers agree."""
        return FRONT_SECONDS - time.time() % FRONT_SECONDS

    @task
    def burst(self) -> None:
        """Without a pause."""
        for _ in range(BURST):
            self.ask("/predict", json.dumps(random.choice(RAINY)), "application/json", "/predict")


class Bulk(Client):
    """Archives that send 100 to 1,000 hours at once."""

    weight = 1
    wait_time = between(1, 3)

    @task
    def as_json(self) -> None:
        """An object of observations."""
        rows = random.sample(OBSERVATIONS, random.randint(100, 1000))
        body = json.dumps({"observations": rows})
        self.ask("/predict_batch", body, "application/json", "/predict_batch JSON")

    @task
    def as_csv(self) -> None:
        """A table."""
        rows = random.sample(OBSERVATIONS, random.randint(100, 1000))
        lines = [",".join(FEATURES), *(",".join(str(row[name]) for name in FEATURES) for row in rows)]
        self.ask("/predict_batch", "\n".join(lines), "text/csv", "/predict_batch CSV")


class BadClient(Client):
    """Sends invalid observations and wants a 400 that names the field."""

    weight = 1
    wait_time = between(0.2, 0.6)

    @task
    def invalid(self) -> None:
        """One fault in one observation."""
        change = random.choice(INVALID)
        with self.client.post(
            "/predict", json={**observation(), **change}, name="/predict, invalid", catch_response=True
        ) as response:
            text = response.text or ""
            if response.status_code == 429 and not problem_fault(text, ""):
                response.request_meta["name"] = "/predict, invalid" + REFUSED
                response.success()
            elif response.status_code != 400:
                response.failure(f"status {response.status_code} where 400 was due")
            elif complaint := problem_fault(text, next(iter(change))):
                response.failure(complaint)
            else:
                response.success()
