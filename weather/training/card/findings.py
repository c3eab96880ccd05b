"""Everything that the card reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weather.contract.manifest import Manifest
from weather.contract.names import NEW_YORK
from weather.training.observations import Observations
from weather.training.places import Place
from weather.training.samples import TEST_FOLD, Samples
from weather.training.thresholds import Rule
from weather.training.verification import Interval, Verification

MODEL, PERSISTENCE = "this model", "persistence"


@dataclass(frozen=True)
class Results:
    """Forecasts of all hours of the samples, in their order, each by a forecaster that has not seen it.

    ``onset`` is the model with its threshold for onset, ``blind`` the model without visibility, None
    where the data have none. ``by_horizon`` is the model for other horizons, by their hours, and has
    other hours; ``places`` are the exported model elsewhere.
    """

    model: Verification
    persistence: Verification
    baselines: Mapping[str, Verification]
    onset: Verification
    blind: Verification | None
    by_horizon: Mapping[int, Verification]
    places: Sequence[Place]

    @property
    def forecasters(self) -> dict[str, Verification]:
        """The model, persistence and the baselines, by name."""
        return {MODEL: self.model, PERSISTENCE: self.persistence, **self.baselines}


@dataclass(frozen=True)
class Findings:
    """``settings`` counts the settings that were compared, of the model and of each baseline."""

    manifest: Manifest
    observations: Observations
    samples: Samples
    results: Results
    rule: Rule
    onset_threshold: float
    threshold_interval: Interval
    chosen: str
    settings: Mapping[str, int]

    @property
    def test(self) -> Verification:
        """The exported model on the fold that it has not seen."""
        return self.results.model.where(self.samples.fold == TEST_FOLD)

    @property
    def default_data(self) -> bool:
        """Whether the data are those of New York, of which more is known than the file tells."""
        return self.observations.name == NEW_YORK
