from __future__ import annotations

import pytest

from stations.reports import Refused, checked_station, checked_time, hour_of, seconds_of, text_of

HOUR = 3600


@pytest.mark.parametrize(
    ("time", "hour"),
    [("11:00:01", "12"), ("11:51:00", "12"), ("12:00:00", "12"), ("12:00:01", "13"), ("23:30:00", "24")],
)
def test_an_hour_holds_what_came_since_the_hour_before(time: str, hour: str) -> None:
    start = seconds_of("2013-06-07T00:00:00Z")
    assert hour_of(int(seconds_of(f"2013-06-07T{time}"))) == start + int(hour) * HOUR


def test_times_go_to_text_and_back() -> None:
    assert text_of(seconds_of("2013-06-07T10:51:00Z")) == "2013-06-07T10:51:00Z"
    assert seconds_of("2013-06-07T10:51:00") == seconds_of("2013-06-07T12:51:00+02:00")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../x", "x" * 65, "é", ".a", "a\n"])
def test_names_that_would_hurt_paths_and_topics_are_refused(name: str) -> None:
    with pytest.raises(Refused, match="station is 1 to 64"):
        checked_station(name)


def test_times_that_a_wrong_clock_gives_are_refused() -> None:
    now = seconds_of("2013-06-07T12:00:00Z")
    assert checked_time(now + 599, now) == now + 599
    with pytest.raises(Refused, match="ahead of this service's clock"):
        checked_time(now + 601, now)
    with pytest.raises(Refused, match="before 1900"):
        checked_time(-1e10, now)
