from __future__ import annotations

from typing import Any

import pytest

from stations.conversions import ecowitt, named, wunderground
from stations.conversions.moisture import humidity
from stations.conversions.pressure import reduced, sea_level
from stations.conversions.units import NAMES, UnknownUnit, convert
from stations.reports import Refused, Report, seconds_of

NOW = seconds_of("2026-11-26T00:30:00Z")
PRESSURE = "pressure_millibars"
RAIN = "current_weather_condition"

FORM = {
    "PASSKEY": "0123",
    "stationtype": "GW1100A_V2.1.8",
    "dateutc": "2026-11-26 00:29:10",
    "tempf": "51.3",
    "humidity": "88",
    "winddir": "200",
    "windspeedmph": "3.13",
    "baromrelin": "29.92",
    "baromabsin": "28.58",
    "rainratein": "0.000",
    "model": "GW1100A",
}


@pytest.mark.parametrize(
    ("quantity", "value", "unit", "expected"),
    [
        ("temperature", 51.3, "°F", 10.7222),
        ("temperature", 273.15, "K", 0),
        ("humidity", 83, "%", 0.83),
        ("speed", 10, "mph", 16.09344),
        ("speed", 1, "kn", 1.852),
        ("speed", 1, "m/s", 3.6),
        ("visibility", 10, "mi", 16.09344),
        ("pressure", 29.92, "inHg", 1013.207),
        ("pressure", 760, "mmHg", 1013.25),
        ("elevation", 1000, "ft", 304.8),
        ("rain_rate", 1, "in/h", 25.4),
    ],
)
def test_units(quantity: str, value: float, unit: str, expected: float) -> None:
    assert convert(quantity, value, unit) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("unit", ["", "meter**1e9", "10**10**10 degC", "hPa", "°f"])
def test_other_units_are_refused_with_those_that_are_known(unit: str) -> None:
    with pytest.raises(UnknownUnit, match="give one of °C, C, degC"):
        convert("temperature", 1, unit)


def test_humidity_from_the_dew_point() -> None:
    assert humidity(10, 10) == 1
    assert humidity(20, 10) == pytest.approx(0.525, abs=0.001)  # 12.28 / 23.39 hPa in psychrometric tables
    assert humidity(10, 10.4) == 1  # rounded
    with pytest.raises(ValueError, match="above the temperature"):
        humidity(10, 11)


def test_pressure_is_reduced_by_the_hypsometric_equation() -> None:
    # The standard atmosphere: 954.6 hPa at 500 m and 11.75 °C; a layer of that temperature gives 0.3 more.
    assert reduced(954.61, 500, 11.75) == pytest.approx(1013.25, abs=0.4)
    assert reduced(1000, 0, 15) == 1000


@pytest.mark.parametrize(
    ("relative", "absolute", "elevation", "temp", "hpa", "note"),
    [
        (1013.2, 968.0, 400, 15, 1015.1, ""),
        (968.0, 968.0, 400, 15, 1015.1, "relative and absolute pressure are equal at 400 m"),
        (968.1, 968.0, 400, 15, 1015.1, "relative and absolute pressure are equal at 400 m"),
        (1001.0, 968.0, 400, 15, 1015.1, "the relative pressure is 1001.0 hPa, but 968.0 hPa at 400 m"),
        (1012.0, 1012.0, 5, 15, 1012.6, ""),
        (1012.0, 1012.0, None, 15, None, "relative and absolute pressure are equal, so it may not be"),
        (968.0, 968.0, None, 15, None, "relative and absolute pressure are equal, so it may not be"),
        (1013.2, 968.0, None, 15, 1013.2, ""),
        (None, 968.0, None, 15, None, "only the station's own is known"),
        (None, 968.0, 400, None, None, "needs a temperature"),
        (1013.2, None, None, 15, 1013.2, ""),
        (1013.2, None, 400, 15, 1013.2, "as it was sent; check it"),
        (None, None, 400, 15, None, ""),
    ],
)
def test_which_pressure_is_that_at_sea_level(
    relative: float | None,
    absolute: float | None,
    elevation: float | None,
    temp: float | None,
    hpa: float | None,
    note: str,
) -> None:
    found = sea_level(relative, absolute, elevation, temp)
    assert found.hpa == (None if hpa is None else pytest.approx(hpa, abs=0.1))
    assert found.note.startswith(note) or note in found.note
    assert bool(found.note) == bool(note)


def test_an_ecowitt_console() -> None:
    report = ecowitt.parse(FORM, "home", None, NOW)
    assert report.time == seconds_of("2026-11-26T00:29:10Z")
    assert dict(report.values) == {
        "temp_c": pytest.approx(10.7222, abs=1e-4),
        "humidity": 0.88,
        "wind_speed_kmph": pytest.approx(5.0373, abs=1e-4),
        "wind_bearing_degree": 200,
        PRESSURE: pytest.approx(1013.207, abs=1e-3),
        RAIN: 0,
    }
    assert ecowitt.parse({**FORM, "rrain_piezo": "0.02"}, "home", None, NOW).values[RAIN] == 1
    assert ecowitt.parse({**FORM, "rainratein": "0.02"}, "home", None, NOW).values[RAIN] == 1
    without = {name: text for name, text in FORM.items() if name != "rainratein"}
    assert RAIN not in ecowitt.parse(without, "home", None, NOW).values


def test_a_console_that_sends_station_pressure_as_relative() -> None:
    same = {**FORM, "baromrelin": "28.58"}
    at_400_m = ecowitt.parse(same, "home", 400, NOW)
    assert at_400_m.values[PRESSURE] == pytest.approx(1015.6, abs=0.1)
    assert "the console is not set up" in at_400_m.notes[0]
    somewhere = ecowitt.parse(same, "home", None, NOW)
    assert PRESSURE not in somewhere.values
    assert "give the station's elevation" in somewhere.notes[0]


def test_a_broken_sensor_costs_its_own_value_only() -> None:
    report = ecowitt.parse({**FORM, "tempf": "-9999", "humidity": "880", "winddir": "abc"}, "home", None, NOW)
    assert set(report.values) == {"wind_speed_kmph", PRESSURE, RAIN}
    assert [note.split(" ")[0] for note in report.notes] == ["winddir", "humidity"]
    with pytest.raises(Refused, match="none of the fields"):
        ecowitt.parse({"tempf": "nan"}, "home", None, NOW)


@pytest.mark.parametrize("rate", ["-9999.00", "-999.9", "-1"])
def test_a_negative_rain_rate_is_no_dry_hour(rate: str) -> None:
    console = ecowitt.parse({**FORM, "rainratein": rate}, "home", None, NOW)
    assert RAIN not in console.values
    assert console.notes == ("rainratein is negative; it was left out",)
    query = {"dateutc": "now", "tempf": "51.3", "rainin": rate}
    assert RAIN not in wunderground.parse(query, "home", None, NOW).values


def test_no_pressure_is_reduced_with_a_temperature_near_0_k() -> None:
    cold = ecowitt.parse({**FORM, "tempf": "-459.67"}, "home", 9000, NOW)
    assert not {"temp_c", PRESSURE} & cold.values.keys()


@pytest.mark.parametrize("text", ["2026-11-26 03:00:00", "yesterday", "2026-11-26"])
def test_a_console_s_wrong_clock_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"dateutc is not a time|ahead of this service's clock"):
        ecowitt.parse({**FORM, "dateutc": text}, "home", None, NOW)


def test_weather_underground_s_protocol() -> None:
    query = {
        "action": "updateraw",
        "dateutc": "now",
        "tempf": "68",
        "dewptf": "50",
        "windspeedmph": "10",
        "winddir": "90",
        "baromin": "29.92",
        "rainin": "0.01",
    }
    report = wunderground.parse(query, "home", None, NOW)
    assert (report.time, report.source) == (NOW, "wunderground")
    assert report.values["humidity"] == pytest.approx(0.525, abs=0.001)
    assert report.values[RAIN] == 1
    assert "visibility_km" not in report.values
    seen = wunderground.parse({**query, "visibility": "5"}, "home", None, NOW)
    assert seen.values["visibility_km"] == pytest.approx(9.26)


def of_json(record: Any, **elevation: float) -> Report:
    return named.parse(record, NOW, "json", elevation)


def q(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


def test_named_units() -> None:
    report = of_json(
        {
            "station": "home",
            "time": "2026-11-26T01:20:00+01:00",
            "temperature": q(51.3, "°F"),
            "dew_point": q(48, "°F"),
            "wind_speed": q(3, "m/s"),
            "wind_bearing": q(200, "°"),
            "station_pressure": q(968, "hPa"),
            "elevation_m": 400,
            "rain_rate": q(0.2, "mm/h"),
        }
    )
    assert report.time == seconds_of("2026-11-26T00:20:00Z")
    assert report.values[PRESSURE] == pytest.approx(1015.8, abs=0.1)
    assert report.values["humidity"] == pytest.approx(0.884, abs=0.001)
    assert report.values[RAIN] == 1
    known = of_json(
        {"station": "home", "temperature": q(10, "C"), "station_pressure": q(968, "hPa")}, home=400
    )
    assert known.values[PRESSURE] == pytest.approx(1015.9, abs=0.1)


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"station": "a b"}, "station", "station is 1 to 64"),
        ({"station": None}, "station", "station is 1 to 64"),
        ({"station": True}, "station", "station is 1 to 64"),
        ({"\ud800": 1}, "?", r"\? is unknown"),
        ({"temperature": q(10**400, "C")}, "temperature", "must be a finite number"),
        ({"time": 10**400}, "time", "time is ISO 8601"),
        ({"elevation_m": 10**400}, "elevation", "elevation is a number of metres"),
        ({"rain_rate": q(-9999, "mm/h")}, "rain_rate", "must not be negative"),
        (
            {"temperature": q(0.01, "K"), "station_pressure": q(968, "hPa"), "elevation_m": 9000},
            "temperature",
            "out of range",
        ),
        ({"colour": 1}, "colour", "colour is unknown"),
        ({"temperature": 12}, "temperature", r'temperature is \{"value"'),
        ({"temperature": q(12, "grad")}, "temperature", "unit 'grad' is unknown; give one of °C"),
        ({"temperature": {"value": "12", "unit": "C"}}, "temperature", "must be a finite number"),
        ({"temperature": {"value": True, "unit": "C"}}, "temperature", "must be a finite number"),
        ({"temperature": q(100, "C")}, "temperature", "temperature is out of range"),
        ({"humidity": q(83, "1")}, "humidity", "humidity is out of range"),
        ({"pressure": q(0, "hPa")}, "pressure", "pressure is out of range"),
        ({"raining": "yes"}, "raining", "raining is true or false"),
        ({"time": "noon"}, "time", "time is ISO 8601"),
        ({"time": "2026-11-26T03:00:00Z"}, "time", "ahead of this service's clock"),
        ({"time": 1e300}, "time", "ahead of this service's clock"),
        ({"elevation_m": 1e9}, "elevation", "elevation is a number of metres"),
        ({"station_pressure": q(968, "hPa")}, "station_pressure", "needs the elevation"),
        ({"dew_point": q(20, "C")}, "dew_point", "above the temperature"),
    ],
)
def test_each_fault_names_its_field(change: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refusal:
        of_json({"station": "home", "temperature": q(10, "C"), **change})
    assert [fault.loc for fault in refusal.value.faults] == [(field,)]


def test_an_elevation_that_is_null_is_the_known_one() -> None:
    station_pressure = {"station_pressure": q(968, "hPa"), "temperature": q(10, "C")}
    record = {"station": "home", "elevation_m": None, **station_pressure}
    report = named.parse(record, NOW, "json", {"home": 400})
    assert report.values[PRESSURE] == pytest.approx(1015.8, abs=0.1)


def test_a_report_says_something() -> None:
    with pytest.raises(Refused, match="has none of"):
        of_json({"station": "home"})
    with pytest.raises(Refused, match="JSON object"):
        of_json([1])


def test_a_query_is_the_same_as_its_json() -> None:
    record = named.from_query(
        {
            "station": "home",
            "temperature": "51.3 °F",
            "wind_speed": "3",
            "wind_speed_unit": "m/s",
            "humidity": "unavailable",
            "raining": "on",
            "elevation_m": "12",
        }
    )
    assert record == {
        "station": "home",
        "temperature": q(51.3, "°F"),
        "wind_speed": q(3, "m/s"),
        "raining": True,
        "elevation_m": 12,
    }
    with pytest.raises(Refused, match="temperature is not a number with a unit"):
        named.from_query({"temperature": "warm"})
    with pytest.raises(Refused, match="temperature has a unit, and temperature_unit is another"):
        named.from_query({"temperature": "51.3 °F", "temperature_unit": "°C"})
    with pytest.raises(Refused, match="elevation is a number of metres"):
        of_json(named.from_query({"station": "home", "raining": "on", "elevation_m": "high"}))


def test_every_accepted_unit_is_pint_s() -> None:
    for quantity, names in NAMES.items():
        for unit in names:
            assert convert(quantity, 1.0, unit) == convert(quantity, 1.0, unit)
