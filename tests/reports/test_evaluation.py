from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.test_cross_fitting import labelled
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.reports.evaluation import answerable, evaluate, horizon_of
from weather.training.features import VISIBILITY
from weather.training.observations import BadData
from weather.training.samples import Samples


def without_visibility(share: float) -> Samples:
    x = labelled().x.copy()
    x[: int(share * len(x)), VISIBILITY] = np.nan
    return replace(labelled(), x=x)


def test_the_horizon_is_the_given_one_or_the_manifests(artifacts: Artifacts) -> None:
    assert horizon_of(artifacts, 9) == 9
    assert horizon_of(artifacts, None) == 6
    with pytest.raises(BadArtifact, match="give --horizon"):
        horizon_of(replace(artifacts, manifest=None), None)


def test_hours_without_visibility_are_left_out_unless_the_model_can_do_without(
    artifacts: Artifacts, committed_artifacts: Artifacts
) -> None:
    half = without_visibility(0.5)
    samples, note = answerable(artifacts, half)
    assert len(samples) == len(half) - np.isnan(half.x[:, VISIBILITY]).sum()
    assert note == "840 hours without visibility_km left out: this model can't do without it"
    assert answerable(artifacts, labelled()) == (labelled(), "")
    assert answerable(committed_artifacts, half) == (half, "")
    for known in (artifacts, replace(artifacts, manifest=None)):
        with pytest.raises(BadData, match="this model can't do without it"):
            answerable(known, without_visibility(1))


def test_the_references_are_of_the_very_hours(committed_artifacts: Artifacts) -> None:
    found = evaluate(committed_artifacts, without_visibility(0.5))
    y = labelled().y
    assert (found["climatology"].probability == y.mean()).all()
    assert (found["persistence"].decision == labelled().rain_now).all()
    assert found["persistence"].probability[labelled().rain_now][0] == y[labelled().rain_now].mean()
    assert np.isfinite(found["model"].probability).all()
