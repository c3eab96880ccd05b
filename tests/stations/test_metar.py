from __future__ import annotations

import pytest

from stations.conversions.metar import parse, split
from stations.reports import Refused, seconds_of, text_of

NOW = seconds_of("2026-11-26T00:30:00Z")
REFERENCE = seconds_of("2013-01-31T03:00:00Z")

RAIN = "current_weather_condition"


def values(text: str) -> dict[str, float]:
    return dict(parse(f"{text} ", NOW, REFERENCE).values)


def test_a_report_of_an_american_airport() -> None:
    report = parse(
        "METAR KJFK 310151Z 18021G30KT 6SM -RA BR OVC008 11/10 A2955 RMK AO2 SLP007 P0003 T01060094",
        NOW,
        REFERENCE,
    )
    assert (report.station, text_of(report.time), text_of(report.hour)) == (
        "KJFK",
        "2013-01-31T01:51:00Z",
        "2013-01-31T02:00:00Z",
    )
    assert dict(report.values) == {
        "temp_c": 10.6,
        "humidity": pytest.approx(0.9229, abs=1e-4),  # 0.9228 in the training data's line of this report
        "wind_speed_kmph": pytest.approx(21 * 1.852, rel=1e-5),
        "wind_bearing_degree": 180,
        "visibility_km": pytest.approx(6 * 1.609344, rel=1e-6),
        "pressure_millibars": 1000.7,
        RAIN: 1,
    }
    assert not report.notes
    assert not report.correction


@pytest.mark.parametrize(
    ("group", "kmph", "bearing"),
    [
        ("24012KT", 22.224, 240),
        ("27005MPS", 18, 270),
        ("01105KMH", 5, 11),
        ("00000KT", 0, None),
        ("VRB03KT", 5.556, None),
        ("35015G25KT 320V020", 27.78, 350),
        ("P99KT", None, None),
    ],
)
def test_wind(group: str, kmph: float | None, bearing: float | None) -> None:
    if kmph is None:
        with pytest.raises(Refused, match="Unparsed groups in body 'P99KT'"):
            values(f"KABC 310200Z {group} 10SM 10/05 A2992")
        return
    found = values(f"KABC 310200Z {group} 10SM 10/05 A2992")
    assert found["wind_speed_kmph"] == pytest.approx(kmph, rel=1e-4)
    assert found.get("wind_bearing_degree") == bearing


@pytest.mark.parametrize(
    ("group", "km"),
    [
        ("10SM", 16.09344),
        ("1 1/2SM", 2.414016),
        ("M1/4SM", 0.402336),
        ("P6SM", 9.656064),
        ("9999", 10),
        ("CAVOK", 10),
        ("0350", 0.35),
        ("4000", 4),
        ("8000NDV", 8),
        ("////", None),
        ("", None),
    ],
)
def test_visibility(group: str, km: float | None) -> None:
    found = values(f"EGLL 310200Z 24012KT {group} 10/05 Q1013")
    assert found.get("visibility_km") == (None if km is None else pytest.approx(km))


@pytest.mark.parametrize(
    ("weather", "rain"),
    [
        ("", 0),
        ("RA", 1),
        ("-RA", 1),
        ("+SHRA", 1),
        ("TSRA", 1),
        ("FZDZ", 1),
        ("DZ BR", 1),
        ("RASN", 1),
        ("BR", 0),
        ("SN", 0),
        ("-SHSN", 0),
        ("TS", 0),
        ("VCSH", 0),
        ("VCTS", 0),
        ("GR", 0),
        ("UP", None),
        ("-UP", None),
        ("//", None),
        ("FG VCSH", 0),
    ],
)
def test_rain(weather: str, rain: float | None) -> None:
    report = parse(f"KABC 310200Z AUTO 24012KT 10SM {weather} CLR 10/05 A2992", NOW, REFERENCE)
    assert report.values.get(RAIN) == rain
    assert any("whether it rains is unknown" in note for note in report.notes) == (rain is None)


def test_recent_rain_is_over_and_a_broken_sensor_knows_nothing() -> None:
    assert values("EGLL 310200Z 24012KT 9999 FEW010 10/05 Q1013 RERA")[RAIN] == 0
    assert RAIN not in values("KABC 310200Z AUTO 24012KT 10SM CLR 10/05 A2992 RMK AO2 PWINO")
    assert RAIN not in values("KABC 310200Z AUTO 24012KT 2SM FG CLR 10/05 A2992 RMK AO2 PWINO")


def test_a_station_without_a_precipitation_sensor_does_not_say_that_it_is_dry() -> None:
    assert RAIN not in values("KABC 310200Z AUTO 24012KT 10SM CLR 10/05 A2992 RMK AO1")
    assert RAIN not in values("CABC 310200Z AUTO 24012KT 10/05 RMK AO1 SLP138 T00431010")
    assert values("KABC 310200Z 24012KT 2SM RA CLR 10/05 A2992 RMK AO1")[RAIN] == 1
    assert values("KABC 310200Z 24012KT 2SM SN CLR 10/05 A2992 RMK AO1")[RAIN] == 0


@pytest.mark.parametrize(
    ("groups", "hpa"),
    [
        ("A2992", 1013.21),
        ("Q0999", 999),
        ("A2992 RMK AO2 SLP132", 1013.2),
        ("A3013 RMK AO2 SLP203", 1020.3),
        ("A2790 RMK SLP450", 945.0),  # 945.0 and not 1045.0: the altimeter says so
        ("A3112 RMK SLP541", 1054.1),  # and 1054.1, not 954.1
        ("RMK AO2 SLP979", 997.9),
        ("", None),
    ],
)
def test_pressure_at_sea_level(groups: str, hpa: float | None) -> None:
    found = values(f"KABC 310200Z 24012KT 10SM CLR 10/05 {groups}")
    assert found.get("pressure_millibars") == (None if hpa is None else pytest.approx(hpa, abs=0.01))


def test_tenths_below_zero_and_whole_degrees() -> None:
    assert values("KABC 310200Z 10SM M05/M08 A2992 RMK T10531079")["temp_c"] == -5.3
    assert values("KABC 310200Z 10SM M05/M08 A2992")["temp_c"] == -5
    assert "humidity" not in values("KABC 310200Z 10SM 05/// A2992")
    assert "temp_c" not in values("KABC 310200Z 10SM ///// A2992")


@pytest.mark.parametrize("text", ["COR KABC 310200Z 10SM 10/05 A2992", "KABC 310200Z COR 10SM 10/05 A2992"])
def test_corrections_are_known(text: str) -> None:
    assert parse(text, NOW, REFERENCE).correction


@pytest.mark.parametrize(
    ("group", "reference", "time"),
    [
        ("010005Z", "2013-02-01T00:00:00Z", "2013-02-01T00:05:00Z"),
        ("312355Z", "2013-02-01T00:00:00Z", "2013-01-31T23:55:00Z"),
        ("010005Z", "2013-01-31T23:59:00Z", "2013-02-01T00:05:00Z"),  # a clock that is ahead
        ("311200Z", "2013-01-31T00:00:00Z", "2013-01-31T12:00:00Z"),  # the day as reference
        ("310000Z", "2013-03-05T00:00:00Z", "2013-01-31T00:00:00Z"),  # February has none
        ("290000Z", "2013-03-05T00:00:00Z", "2013-01-29T00:00:00Z"),
    ],
)
def test_the_month_is_that_of_the_last_such_day(group: str, reference: str, time: str) -> None:
    report = parse(f"KABC {group} 10SM 10/05 A2992", NOW, seconds_of(reference))
    assert text_of(report.time) == time


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "no time such as"),
        ("KABC 260100Z 10SM 10/05 A2992", "ahead of this service's clock"),
        ("KABC 319900Z 10/05 A2992", "not a time in the last months"),
        ("KABC 310200Z NIL", "NIL"),
        ("KABC 310200Z 24012KT 10SM RAX CLR 10/05 A2992", "Unparsed groups in body 'RAX"),
        ("KABC 310200Z 24012KT 10SM 10/15 A2992", "dew point is above"),
        ("KABC 310200Z 24012KT 10SM 10/05 A1800", "pressure_millibars is out of range"),
        ("KABC 310200Z 10SM 10/05 A2992 é", "ASCII"),
        ("KABC 310200Z " + 300 * "CLR ", "ASCII text of up to 1000"),
        ("KABC 310200Z AUTO", "none of the values"),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        parse(text, NOW, NOW if "ahead" in reason else REFERENCE)


def test_reports_come_one_a_line_or_ended_by_an_equals_sign() -> None:
    assert split("# comment\nKABC 1\n\nKDEF  2\r\n") == ["KABC 1", "KDEF 2"]
    assert split("KABC 1\n  RMK 3=\nKDEF 2=") == ["KABC 1 RMK 3", "KDEF 2"]


def test_a_report_without_its_equals_sign_does_not_swallow_the_next() -> None:
    bulletin = "SAUK EGRR 310200\nMETAR\nKABC 310151Z 10/05\nRMK 3\nSPECI COR KDEF 310200Z 10/05="
    assert split(bulletin) == [
        "SAUK EGRR 310200",
        "METAR KABC 310151Z 10/05 RMK 3",
        "SPECI COR KDEF 310200Z 10/05",
    ]
