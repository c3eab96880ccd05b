"""Which of two classes is rain."""

from __future__ import annotations

import pytest

from weather.importing.errors import BadArtifact
from weather.importing.understanding.labels import parse_labels, rain_class


@pytest.mark.parametrize(
    ("rain", "dry"),
    [
        ("Rain", "No_Rain"),
        ("RAIN", "NoRain"),
        ("rain", "sun"),
        ("Wet", "Dry"),
        ("Y", "N"),
        ("TRUE", "FALSE"),
        ("rain tomorrow", "no rain tomorrow"),
        ("rain_within_4h", "no_rain_within_4h"),
        ("will rain", "won't rain"),
        ("will rain", "won\N{RIGHT SINGLE QUOTATION MARK}t rain"),
        ("rainy", "not rainy"),
    ],
)
def test_words_tell(rain: str, dry: str) -> None:
    assert rain_class([rain, dry], None) == (rain, True)
    assert rain_class([dry, rain], None) == (rain, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rain", "snow"),
        ("rain", "heavy rain"),
        ("rain_0", "rain_1"),
        ("pluie", "sec"),
        ("雨", "晴れ"),
        (3, 7),
    ],
)
def test_words_that_do_not_tell_are_refused(one: object, other: object) -> None:
    with pytest.raises(BadArtifact, match=f"{one!r} and {other!r}: say which of them is rain"):
        rain_class([one, other], None)


@pytest.mark.parametrize(
    ("classes", "wanted", "rain"),
    [
        (["pluie", "sec"], "Pluie", "pluie"),
        (["晴れ", "雨"], "雨", "雨"),
        (["Rain", "rain"], "rain", "rain"),
        ([0, 1], "0", 0),
        ([0, 1], "False", 0),
        ([0, 1], "true", 1),
        ([False, True], "0", False),
        ([1, 2], "1.0", 1),
        (["1", "2"], "1", "1"),
    ],
)
def test_it_can_be_said(classes: list[object], wanted: str, rain: object) -> None:
    found, certain = rain_class(classes, wanted)
    assert (found, type(found)) == (rain, type(rain))
    assert certain


@pytest.mark.parametrize("wanted", ["storm", "2", "", "_", "!"])
def test_what_is_neither_class_is_refused(wanted: str) -> None:
    with pytest.raises(BadArtifact, match="is none of the model's classes"):
        rain_class(["?", "1"], wanted)


def test_a_users_own_words_are_understood() -> None:
    labels = ["rain in 4 h", "no rain in 4 h"]
    assert parse_labels(labels, [0, 1], 1, "mine.csv") == [True, False]
