from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from tests.training.test_features import hours
from tests.training.test_graph import model
from weather.training.baselines import BASELINES, LOGISTIC
from weather.training.features import VISIBILITY
from weather.training.places import STATIONS, asked_elsewhere, hidden, other_places
from weather.training.samples import Samples, samples


def test_the_records_of_the_stations_are_found_and_read() -> None:
    places = other_places()
    assert list(places) == list(STATIONS.values())
    for observed in places.values():
        there = samples(observed, 4)
        assert len(there) > 15_000
        assert 0.01 < there.rain_now.mean() < 0.15
        assert np.isnan(there.x[:, VISIBILITY]).all()


def test_without_the_package_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "diyepw" else find(name, *rest)
    )
    assert other_places() == {}
    assert asked_elsewhere(model(), {}, seen(), 4, "this model") == []


def seen() -> Samples:
    x = hours(3000)
    y = np.random.default_rng(6).random(3000) < x[:, 1] ** 4
    hour = np.datetime64("2020-01-01T00", "h") + np.arange(3000)
    return Samples(x, y, hour, np.full(3000, "A"), np.arange(3000) // 168)


def test_everyone_is_asked_without_visibility_and_judged_by_the_place_itself() -> None:
    baselines = {LOGISTIC: BASELINES[LOGISTIC]["as it comes"]()}
    places = asked_elsewhere(model(), baselines, seen(), 4, "this model")
    assert [place.name for place in places] == list(STATIONS.values())
    assert places[0].years == "2015-2017"
    there = samples(other_places()["O'Hare, Illinois"], 4)
    found = places[0].forecasts
    assert list(found) == ["this model", LOGISTIC]
    np.testing.assert_allclose(found["this model"].probability, model().probability(there.x))
    for verified in found.values():
        assert np.isfinite(verified.probability).all()
        assert verified.climatology[0] == there.y.mean()
        assert (verified.decision == (verified.probability > model().threshold)).all()


def test_hidden_leaves_the_rows_that_were_given_alone() -> None:
    x = hours(10)
    blind = hidden(x)
    assert np.isnan(blind[:, VISIBILITY]).all()
    assert np.isfinite(x).all()
    assert (np.delete(blind, VISIBILITY, axis=1) == np.delete(x, VISIBILITY, axis=1)).all()
