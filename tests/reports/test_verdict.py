"""The rule that says promote, keep or not enough yet, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest

from weather.reports.verdict import (
    HSS_MARGIN,
    KEEP,
    MIN_DAYS,
    MIN_HOURS,
    NOT_ENOUGH,
    PROMOTE,
    Difference,
    Verdict,
    decide,
)
from weather.training.verification import Verification, day_weights, interval

MARGIN = 0.001
UNDEFINED = Difference(np.nan, np.nan, np.nan)
EVEN = Difference(0.0, -0.05, 0.05)


def verdict(
    brier: Difference, hss: Difference = EVEN, days: int = 50, wet: int = 100, dry: int = 900
) -> Verdict:
    return decide(brier, hss, MARGIN, days, wet, dry)


@pytest.mark.parametrize(
    ("brier", "hss", "word"),
    [
        (Difference(0.003, 0.0005, 0.0055), EVEN, PROMOTE),
        (Difference(0.003, 0.0005, 0.0055), Difference(-0.03, -0.05, -0.01), KEEP),
        (Difference(-0.003, -0.0055, -0.0005), Difference(0.03, 0.01, 0.05), KEEP),
        (Difference(0.0001, -0.0007, 0.0009), EVEN, KEEP),
        (Difference(0.001, -0.002, 0.004), EVEN, NOT_ENOUGH),
        (UNDEFINED, Difference(0.03, 0.01, 0.05), PROMOTE),
        (UNDEFINED, Difference(-0.03, -0.05, -0.01), KEEP),
        (UNDEFINED, Difference(0.0, -HSS_MARGIN / 2, HSS_MARGIN / 2), KEEP),
        (UNDEFINED, EVEN, NOT_ENOUGH),
        (UNDEFINED, UNDEFINED, NOT_ENOUGH),
    ],
    ids=[
        "better",
        "better, but its yes/no forecasts are worse",
        "worse",
        "no difference that is worth a change",
        "of either sign",
        "without probabilities: better",
        "without probabilities: worse",
        "without probabilities: no difference",
        "without probabilities: of either sign",
        "no score at all",
    ],
)
def test_the_interval_decides(brier: Difference, hss: Difference, word: str) -> None:
    found = verdict(brier, hss)
    assert found.word == word
    assert found.sentence.startswith(word)
    assert (found.more_days > 0) == (word == NOT_ENOUGH)


def test_the_days_that_are_missing_follow_from_the_width_of_the_interval() -> None:
    """Half-width 0.004, difference 0.002: half of the width, so four times the days."""
    found = verdict(Difference(0.002, -0.002, 0.006), days=50)
    assert found.more_days == 150
    assert "about 150 more days" in found.sentence
    tiny = verdict(Difference(0.00001, -0.004, 0.004), days=50)
    assert tiny.more_days == pytest.approx(50 * 15, abs=1), "until it fits into the margin"


@pytest.mark.parametrize(
    ("days", "wet", "dry", "more"),
    [
        (MIN_DAYS - 1, 100, 100, 1),
        (5, 100, 100, MIN_DAYS - 5),
        (40, 5, 900, 40),
        (40, 0, 900, 40),
        (40, 900, 8, 10),
        (30, MIN_HOURS, MIN_HOURS, 0),
    ],
)
def test_few_days_or_few_hours_of_one_kind_are_not_enough_however_clear_the_difference(
    days: int, wet: int, dry: int, more: int
) -> None:
    found = verdict(Difference(0.03, 0.029, 0.031), days=days, wet=wet, dry=dry)
    assert found.word == (NOT_ENOUGH if more else PROMOTE)
    assert found.more_days == more


@pytest.mark.parametrize(("blocks", "covered"), [(5, 0.85), (MIN_DAYS, 0.92)])
def test_the_interval_of_few_blocks_is_too_narrow(blocks: int, covered: float) -> None:
    """Of 2,000 samples of a normal distribution, the share whose interval holds its mean."""
    values = np.random.default_rng(1).normal(size=(2000, blocks))
    means = values @ day_weights(np.arange(blocks).astype("datetime64[D]")).T / blocks
    intervals = [interval(each) for each in means]
    assert np.mean([low < 0 < high for low, high in intervals]) == pytest.approx(covered, abs=0.01)


def forecasts(rng: np.random.Generator, days: int, noise: float) -> tuple[Verification, Verification]:
    """A served model and a challenger; weather, and so their errors, go on for hours."""
    chance = np.repeat(rng.beta(0.5, 2.0, days * 4), 6)
    y = rng.random(len(chance)) < chance
    day = np.repeat(np.arange(days), 24).astype("datetime64[D]")

    def made(noise: float) -> Verification:
        apart = np.repeat(rng.normal(0, noise, days * 4), 6)
        p = np.clip(chance + apart, 0, 1)
        return Verification(y, p > 0.5, p, np.full(len(y), 0.2), np.full(len(y), 0.2), day)

    return made(0.15), made(noise)


def verdicts(noise: float, days: int, times: int = 100) -> list[str]:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(times):
        served, challenger = forecasts(rng, days, noise)
        brier = Difference.of(served.gain(challenger, "brier"))
        hss = Difference.of(challenger.gain(served, "hss"))
        margin = 0.01 * served.scores()["brier"]
        found.append(decide(brier, hss, margin, days, int(served.y.sum()), int((~served.y).sum())).word)
    return found


def test_of_two_equal_models_one_is_rarely_called_the_better_and_a_better_one_is_seen() -> None:
    equal = verdicts(noise=0.15, days=60)
    assert equal.count(PROMOTE) <= 5
    better = verdicts(noise=0.02, days=60)
    assert better.count(PROMOTE) >= 90
    worse = verdicts(noise=0.3, days=60)
    assert worse.count(KEEP) >= 95
