"""What the card says follows from the figures; what is known of New York alone is said of New York alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.test_cross_fitting import labelled
from weather.contract.manifest import Feature, Manifest
from weather.contract.names import NEW_YORK
from weather.training.card import tables, text
from weather.training.card.findings import MODEL, PERSISTENCE, Findings, Results
from weather.training.cross_fitting import persistence
from weather.training.features import VISIBILITY
from weather.training.observations import Missing, Observations
from weather.training.places import Place
from weather.training.verification import Verification

GOOD = "Its probabilities are better than those of {}: the interval of the gain is above zero."
UNKNOWN = "Whether its probabilities are better than those of {} can't be told: the interval includes zero."
BAD = "**The probabilities of {} are better**: the interval of the gain is below zero."
CHANCE = "on these data the gain over persistence can't be told from chance"


def forecast(error: float, seed: int = 1, threshold: float = 0.4) -> Verification:
    """Of the labelled hours: the truth blurred by ``error`` and noise; 1 knows nothing."""
    base = persistence(labelled())
    noise = np.random.default_rng(seed).normal(0, 0.05, len(base.y))
    p = np.clip(base.y + error * (base.persistence - base.y) + noise, 0.01, 0.99)
    return replace(base, probability=p, decision=p > threshold)


@cache
def findings() -> Findings:
    samples = labelled()
    manifest = Manifest(
        name="rain within 4 h, mine.csv",
        horizon_hours=4,
        threshold=0.4,
        features=[Feature(name="temp_c", unit="°C", minimum=-5, maximum=30)],
        data={},
        split={"train_hours": 1344, "test_hours": 336},
        hyperparameters={"vectors": 100},
        metrics={},
        sha256={"svc.onnx": "abc"},
        versions={},
        golden=[],
    )
    table = pd.DataFrame({"hour": pd.to_datetime(samples.hour), "temp_c": samples.x[:, 0]})
    model = forecast(0.5)
    return Findings(
        manifest=manifest,
        observations=Observations("mine.csv", "123", table, ["1 row was odd."], {}),
        samples=samples,
        results=Results(
            model=model,
            persistence=persistence(samples),
            baselines={"weak": forecast(0.9), "like": forecast(0.5, seed=2), "strong": forecast(0.3)},
            onset=forecast(0.5, threshold=0.2),
            blind=forecast(0.6),
            by_horizon={4: model, 8: forecast(0.7)},
            places=[],
        ),
        rule="hss",
        onset_threshold=0.2,
        threshold_interval=(0.3, 0.5),
        chosen="gamma 0.01, C 0.3",
        settings={MODEL: 6, "weak": 1, "strong": 3},
    )


def written(folder: Path, **changes: object) -> str:
    """The card of the findings with other results or fields, on one line."""
    results = {k: v for k, v in changes.items() if k in Results.__dataclass_fields__}
    others = {k: v for k, v in changes.items() if k not in results}
    found = replace(findings(), results=replace(findings().results, **results), **others)  # type: ignore[arg-type]
    text.write(folder, found)
    return " ".join((folder / "MODEL_CARD.md").read_text().split())


def test_each_baseline_is_called_better_worse_or_like_by_the_interval_of_the_gain(tmp_path: Path) -> None:
    card = written(tmp_path)
    assert GOOD.format("weak") in card
    assert UNKNOWN.format("like") in card
    assert BAD.format("strong") in card
    swapped = written(tmp_path, model=forecast(0.9), baselines={"a": forecast(0.5), "b": forecast(0.5)})
    assert BAD.format("a and b") in swapped
    assert "Its probabilities are better" not in swapped


def test_a_skill_that_may_be_chance_is_called_so(tmp_path: Path) -> None:
    assert CHANCE not in written(tmp_path)
    assert CHANCE in written(tmp_path, model=forecast(1.0))
    worse = written(tmp_path, model=forecast(1.5))
    assert CHANCE not in worse
    assert "**Persistence is the better forecast on these data.**" in worse


def test_the_yes_or_no_is_compared_by_its_own_interval(tmp_path: Path) -> None:
    assert "As a yes or no it is better than persistence" in written(tmp_path)
    same = replace(forecast(0.5), decision=findings().results.persistence.decision)
    card = written(tmp_path, model=same)
    assert "As a yes or no it can't be told from persistence by HSS" in card
    assert "What it gains is in the probabilities." in card
    wrong = replace(forecast(0.5), decision=~labelled().y)
    assert "As a yes or no it is worse than persistence" in written(tmp_path, model=wrong)


def test_the_rule_of_the_threshold_is_told(tmp_path: Path) -> None:
    assert (
        "with the highest Heidke skill score (HSS) on held-out weeks (95 % interval 0.30 … 0.50"
        in written(tmp_path)
    )
    assert "on dry hours of held-out weeks" in written(tmp_path, rule="onset")
    ratio = written(tmp_path, rule=0.4)
    assert "the given ratio of the cost of a needless precaution to the loss that it prevents." in ratio
    assert "95 % interval 0.30" not in ratio


def test_onset_is_told_in_counts_with_what_a_lower_threshold_costs(tmp_path: Path) -> None:
    card = written(tmp_path)
    dry = findings().results.model.where(~labelled().rain_now)
    hits, misses = int((dry.decision & dry.y).sum()), int((~dry.decision & dry.y).sum())
    assert f"Of {hits + misses:,} dry hours that rain followed, {hits:,} were warned" in card
    lower = findings().results.onset.where(~labelled().rain_now)
    assert f"it is {int((lower.decision & lower.y).sum()):,} with" in card
    assert "this model, threshold 0.2" in card
    same = written(tmp_path, onset_threshold=0.4)
    assert "train --threshold onset" not in same
    assert "this model, threshold" not in same


def test_of_own_data_nothing_is_said_that_is_known_of_new_york_alone(tmp_path: Path) -> None:
    card = written(tmp_path)
    for claim in ("airports", "New York", "looking at about a hundred", "Other places", "16.09", "missing"):
        assert claim not in card.replace("visibility_km may be missing", ""), claim
    place = Place("Nowhere", "2015-2017", {MODEL: forecast(1.2), "weak": forecast(0.9)})
    observed = replace(findings().observations, name=NEW_YORK)
    default = written(tmp_path, observations=observed, places=[place])
    for claim in ("three airports within 30 km", "looking at about a hundred", "## Other places", "Nowhere"):
        assert claim in default, claim
    assert 'At Nowhere it is no better than "as now". Train where you forecast.' in default
    good = Place("Somewhere", "2015-2017", {MODEL: forecast(0.5)})
    assert "no better than" not in written(tmp_path, observations=observed, places=[good])
    assert "diyepw, which has the records, is not installed" in written(tmp_path, observations=observed)


def test_a_short_record_says_nothing_of_the_rest_of_the_year(tmp_path: Path) -> None:
    assert "The record has 70 days: it says nothing of the rest of the year." in written(tmp_path)
    table = findings().observations.table
    year = pd.concat([table, table.iloc[-1:].assign(hour=pd.Timestamp("2021-01-05"))])
    assert "the rest of the year" not in written(
        tmp_path, observations=replace(findings().observations, table=year)
    )


def test_missing_values_are_told_as_they_are(tmp_path: Path) -> None:
    assert "![Missing values]" not in written(tmp_path)
    assert not (tmp_path / "missing.svg").exists()
    missing = {"pressure_millibars": Missing(0.07, 0.53), "temp_c": Missing(0.02, 0.03)}
    card = written(tmp_path, observations=replace(findings().observations, missing=missing))
    assert "pressure_millibars is missing in 53 % of the rainy hours and in 7.0 % of the dry ones" in card
    assert "temp_c is missing" not in card, "as often in rain as otherwise"
    assert (tmp_path / "missing.svg").exists()


@pytest.mark.parametrize("visibility", ["capped", "free", "constant", "never measured"])
def test_visibility_is_called_capped_where_many_hours_share_the_highest(
    visibility: str, tmp_path: Path
) -> None:
    x = labelled().x.copy()
    if visibility == "capped":
        x[::2, VISIBILITY] = 20.0
    elif visibility == "constant":
        x[:, VISIBILITY] = 20.0
    elif visibility == "free":
        x[:, VISIBILITY] = np.linspace(1, 20, len(x))
    else:
        x[:, VISIBILITY] = np.nan
    card = written(tmp_path, samples=replace(labelled(), x=x))
    capped = "visibility_km is 20.00, its highest value, in 50 % of the hours: probably a cap"
    assert (capped in card) == (visibility == "capped")
    assert ("probably a cap" in card) == (visibility == "capped")
    assert ("visibility_km is 20.00 in every hour" in card) == (visibility == "constant")
    assert ("visibility_km was never measured" in card) == (visibility == "never measured")
    assert ("visibility_km may be missing" in card) == (visibility != "never measured")


def test_the_folds_months_are_counted(tmp_path: Path) -> None:
    months = labelled().hour.astype("datetime64[M]")
    fewest = min(len(np.unique(months[labelled().fold == fold])) for fold in range(5))
    assert f"at least {fewest} of the record's {len(np.unique(months))} months" in written(tmp_path), (
        "not: all seasons"
    )


def test_one_station_is_not_compared_with_itself(tmp_path: Path) -> None:
    assert "| season |" in written(tmp_path)
    stations = np.where(np.arange(len(labelled())) % 2, "A", "B")
    assert "| station or season |" in written(tmp_path, samples=replace(labelled(), station=stations))


def test_every_picture_is_there_and_the_same_each_time(tmp_path: Path) -> None:
    written(tmp_path)
    card = (tmp_path / "MODEL_CARD.md").read_text()
    pictures = [part.split(")")[0] for part in card.split("](")[1:]]
    assert len(pictures) == 3
    before = {name: (tmp_path / name).read_bytes() for name in pictures}
    written(tmp_path)
    assert before == {name: (tmp_path / name).read_bytes() for name in pictures}


def test_figures_for_machines_have_no_null_which_bentoml_refuses() -> None:
    silent = replace(forecast(0.5), decision=np.zeros(len(labelled()), bool))
    found = tables.metrics(replace(findings().results, model=silent), labelled())
    assert "far" not in found["cross_validation"]["model"]  # type: ignore[index]
    assert "None" not in str(found)
    assert tables.as_json({"silent": silent})["silent"]["far"]["value"] is None


def test_gains_are_over_persistence_and_each_baseline() -> None:
    found = tables.metrics(findings().results, labelled())
    assert found["gain_of_brier_skill"].keys() == {PERSISTENCE, "weak", "like", "strong"}  # type: ignore[attr-defined]
