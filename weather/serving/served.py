"""What is served: a pair of the model store, checked, and all that follows from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import bentoml

from weather.contract.variables import Forecast, WeatherVariables
from weather.http.problems import Problem
from weather.model.classifier import Classifier
from weather.model.loading import NotServable, load, stored_pair
from weather.pages.served_model import ServedModel
from weather.telemetry.metrics import register_model

log = logging.getLogger("bentoml.weather")


@dataclass(frozen=True, eq=False)
class Served:
    """The pair that is served; ``classifier`` is None if it failed its check at the start.

    A request keeps the one that it began with. To serve another pair is to assign another object.
    """

    scaler: bentoml.Model
    model: bentoml.Model
    classifier: Classifier | None
    page: ServedModel

    @cached_property
    def tag(self) -> str:
        """The classifier's tag."""
        return str(self.model.tag)

    @cached_property
    def header(self) -> bytes:
        """The value of ``X-Model-Version``."""
        return self.tag.encode()

    @cached_property
    def optional(self) -> frozenset[str]:
        """The fields that the model can do without."""
        return self.page.optional

    @property
    def tags(self) -> dict[str, str]:
        """The tags of both models, by name."""
        return {model.tag.name: str(model.tag) for model in (self.scaler, self.model)}

    def ready(self) -> Classifier:
        """The classifier.

        Raises:
            Problem: 503, if it failed its start-up check.
        """
        if self.classifier is None:
            message = "the model failed its start-up check; the service's log has the reason"
            raise Problem(503, message, retry=False)
        return self.classifier

    def forecast(self, observations: Sequence[WeatherVariables]) -> list[Forecast]:
        """One forecast per observation, in order.

        Raises:
            Problem: 503, see ``ready``.
        """
        return self.ready().forecast(observations)


def start(scaler: bentoml.Model, model: bentoml.Model) -> Served:
    """The pair that the service starts with; if it fails its check, the log says why and nothing is ready."""
    classifier = None
    try:
        classifier = load(scaler, model)
    except NotServable as reason:
        log.error("The service stays not ready: %s", reason)
    register_model(classifier, scaler, model)
    return Served(scaler, model, classifier, ServedModel(scaler, model, classifier is not None))


def load_beside(tag: str) -> Served:
    """The pair of a classifier's tag, checked, while another one is served; for a thread of its own.

    Raises:
        NotServable: see ``stored_pair`` and ``load``.
    """
    scaler, model = stored_pair(tag)
    return Served(scaler, model, load(scaler, model), ServedModel(scaler, model, loaded=True))
