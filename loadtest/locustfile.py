"""Stations that post varied, valid observations and check what comes back.

Closed loop: each user waits for its answer before it asks again. Run it with
``make loadtest``, or against any service with ``locust -f loadtest/locustfile.py --host URL``.
"""

from __future__ import annotations

from locust import FastHttpUser, between, task

from loadtest.stations import observation


def fault(answer: object) -> str:
    """What is wrong with an answer of status 200; empty when nothing is."""
    if not isinstance(answer, dict) or answer.keys() != {"prediction", "probability"}:
        return f"not a forecast: {answer!r}"
    prediction, probability = answer["prediction"], answer["probability"]
    if prediction not in ("Rain", "No_Rain"):
        return f"unknown prediction {prediction!r}"
    if probability is not None and not 0 <= probability <= 1:
        return f"impossible probability {probability!r}"
    return ""


class Station(FastHttpUser):
    """One station that asks about ten times a second."""

    wait_time = between(0.05, 0.15)

    @task
    def predict(self) -> None:
        """Post one observation and check the forecast."""
        with self.client.post("/predict", json=observation(), catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}: {response.text}")
            elif complaint := fault(response.json()):
                response.failure(complaint)
