"""Messages of a real Mosquitto in, retained forecasts and Home Assistant's discovery out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import count as steps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiomqtt
import httpx
import pytest
from sqlalchemy import func, select

from loadtest.serving import free_port
from stations import metrics
from stations.conversions import named
from stations.conversions.named import parse
from stations.demo.processes import running
from stations.mqtt.bridge import Bridge
from stations.mqtt.discovery import identifier
from stations.mqtt.mapping import BadMapping, Mapped, read
from stations.reports import Refused
from stations.settings import Settings
from stations.store.access import Database
from stations.store.database import connect
from stations.store.tables import reports
from tests.stations.mosquitto import BROKER, broker
from tests.waiting import PATIENCE, until

needs_broker = pytest.mark.skipif(BROKER is None, reason="there is no Mosquitto: apt-get install mosquitto")

MAPPING = """
[[topics]]
topic = "weather/+/state"
station_level = 2
elevation_m = 400
time = "ts"
raining = "rain.active"

[topics.fields]
temperature = { at = "outdoor.temp", unit = "°C" }
humidity = { at = "outdoor.hum", unit = "%" }
wind_speed = { at = "wind.speed", unit = "m/s" }
wind_bearing = { at = "wind.dir", unit = "°" }
station_pressure = { at = "pressure", unit = "hPa" }

[[topics]]
topic = "sensors/temperature"
station = "shed"

[topics.fields]
temperature = { at = "", unit = "°F" }

[[topics]]
topic = "sensors/humidity"
station = "shed"

[topics.fields]
humidity = { at = "", unit = "%" }
"""

CONNECTED = 'stations_mqtt_connected{broker="127.0.0.1"} 1.0'

MESSAGE: dict[str, Any] = {
    "outdoor": {"temp": 10.7, "hum": "88"},
    "wind": {"speed": 3, "dir": 200},
    "pressure": 968,
    "rain": {"active": "on"},
}


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING)
    return path


def test_a_mapping_makes_records(mapping: Path) -> None:
    state, temperature, _ = read(mapping)
    record = state.record("weather/cabin/state", json.dumps({**MESSAGE, "ts": 1_370_606_400}).encode())
    assert record == {
        "station": "cabin",
        "time": 1_370_606_400,
        "elevation_m": 400,
        "raining": True,
        "temperature": {"value": 10.7, "unit": "°C"},
        "humidity": {"value": 88.0, "unit": "%"},
        "wind_speed": {"value": 3.0, "unit": "m/s"},
        "wind_bearing": {"value": 200.0, "unit": "°"},
        "station_pressure": {"value": 968.0, "unit": "hPa"},
    }
    assert temperature.record("sensors/temperature", b"51.3")["temperature"] == {"value": 51.3, "unit": "°F"}
    for nothing in (b"unavailable", b"null", b"[1]", b"{}", b"true", b"\xff"):
        with pytest.raises(Refused, match="nothing of the mapping is in the message"):
            temperature.record("sensors/temperature", nothing)


def test_a_number_too_large_for_a_float_is_refused_as_others_are(mapping: Path) -> None:
    state, temperature, _ = read(mapping)
    huge = temperature.record("sensors/temperature", b"1" + b"0" * 400)
    late = state.record("weather/cabin/state", json.dumps({**MESSAGE, "ts": 10**400}).encode())
    for record, sentence in (
        (huge, "temperature: value must be a finite number"),
        (late, "time is ISO 8601"),
    ):
        with pytest.raises(Refused, match=sentence):
            parse(record, 0, "mqtt", {})


def test_a_message_that_fails_for_an_unforeseen_reason_is_dropped_and_counted(
    mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(named, "parse", fail)
    settings = Settings(mqtt_url="mqtt://127.0.0.1")
    ingestion: Any = SimpleNamespace(elevation=None)
    bridge = Bridge(ingestion, Database.__new__(Database), settings, read(mapping))
    payload = json.dumps({"ts": 1, "outdoor": {"temp": 1}}).encode()
    message = aiomqtt.Message("weather/home/state", payload, 1, False, 1, None)
    counter = metrics.refused_reports.labels("mqtt")
    before = counter._value.get()
    assert bridge._report(message) is None
    assert counter._value.get() == before + 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = ", "can't be read"),
        ("x = 1", r"has no \[\[topics\]\]"),
        ('[[topics]]\ntopic = "a"\nraining = "r"', "give either station or station_level"),
        ('[[topics]]\ntopic = "a"\nstation = "s"', "give fields or raining"),
        (
            '[[topics]]\ntopic = "a"\nstation = "s"\nfields = {warmth = {at = "t", unit = "°C"}}',
            "warmth is unknown",
        ),
        (
            '[[topics]]\ntopic = "a"\nstation = "s"\nfields = {humidity = {at = "t", unit = "°C"}}',
            "unit '°C' is unk",
        ),
        ('[[topics]]\ntopic = "a/#/b"\nstation = "s"\nraining = "r"', "topic 1: .*"),
    ],
)
def test_a_bad_mapping_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "mapping.toml").write_text(text)
    with pytest.raises(BadMapping, match=reason):
        read(tmp_path / "mapping.toml")


def test_a_topic_without_the_station_s_level_is_refused() -> None:
    mapped = Mapped(topic="#", station_level=3, raining="")
    with pytest.raises(Refused, match="has no level 3"):
        mapped.record("a/b", b"true")


def test_names_that_differ_stay_different() -> None:
    assert identifier("cabin-1") == "cabin-1"
    assert len({identifier(name) for name in ("a.b", "a_b", "a..b")}) == 3


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with broker(tmp_path, port):
        yield port


def publish(port: int, messages: list[tuple[str, Any]], retain: bool = False) -> None:
    """With QoS 1: when this returns the broker has them."""

    async def send() -> None:
        async with aiomqtt.Client("127.0.0.1", port) as client:
            for topic, body in messages:
                await client.publish(
                    topic, body if isinstance(body, str) else json.dumps(body), qos=1, retain=retain
                )

    until(lambda: attempt(send))


def attempt(send: Callable[[], Any]) -> bool:
    try:
        asyncio.run(send())
    except aiomqtt.MqttError:
        return False
    return True


def retained(port: int, topic: str, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the broker keeps for new subscribers, and sends them, once it is enough."""
    found: dict[str, Any] = {}

    async def listen() -> None:
        async with aiomqtt.Client("127.0.0.1", port) as client, asyncio.timeout(PATIENCE):
            await client.subscribe(topic, qos=1)
            async for message in client.messages:
                text = bytes(message.payload).decode()
                found[message.topic.value] = json.loads(text) if text.startswith("{") else text
                if enough(found):
                    return

    asyncio.run(listen())
    return found


def settings(port: int, mapping: Path) -> dict[str, str]:
    return {"STATIONS_MQTT_URL": f"mqtt://127.0.0.1:{port}", "STATIONS_MQTT_MAPPING": str(mapping)}


@needs_broker
def test_a_round_trip_ends_in_a_retained_forecast_that_home_assistant_finds(
    url: str, tmp_path: Path, mapping: Path, port: int
) -> None:
    database = f"sqlite:///{tmp_path}/stations.db"
    publish(port, [("weather/old/state", MESSAGE)], retain=True)
    with running(database, url, settings(port, mapping)) as service:
        until(lambda: CONNECTED in httpx.get(f"{service.url}/metrics").text)
        publish(port, [("weather/cabin/state", MESSAGE), ("weather/cabin/state", "nonsense")])
        found = retained(port, "rain-forecast/#", lambda f: "rain-forecast/cabin/forecast" in f)
        forecast = found["rain-forecast/cabin/forecast"]
        shown = httpx.get(f"{service.url}/stations/cabin").json()["hours"][-1]
        assert {name: forecast[name] for name in ("prediction", "probability", "model", "issued")} == {
            name: shown["forecast"][name] for name in ("prediction", "probability", "model", "issued")
        }
        assert shown["observation"]["pressure_millibars"] == pytest.approx(1015.6, abs=0.3)
        assert retained(port, "rain-forecast/status", bool) == {"rain-forecast/status": "online"}
        # What was retained has no time of its own: nobody knows how old it is.
        assert httpx.get(f"{service.url}/stations/old").status_code == 404

        sensors = retained(port, "homeassistant/#", lambda f: len(f) == 2)
        rain = sensors["homeassistant/binary_sensor/rain-forecast/cabin_rain/config"]
        chance = sensors["homeassistant/sensor/rain-forecast/cabin_probability/config"]
        assert rain["state_topic"] == chance["state_topic"] == "rain-forecast/cabin/forecast"
        assert rain["device"] == chance["device"]
        assert (rain["payload_on"], rain["payload_off"]) == ("Rain", "No_Rain")
        assert rain["unique_id"] != chance["unique_id"]

        # One value a topic: each message is a report of its own, and the hour has them all.
        counts = steps(2, 2)

        def shed() -> Any:
            """The hour of both messages; None if they came before and after a full hour."""
            publish(port, [("sensors/temperature", "51.3"), ("sensors/humidity", "88")])
            wanted = next(counts)

            def all_reports() -> Any:
                answer = httpx.get(f"{service.url}/stations/shed")
                found = answer.json().get("hours", [])
                return sum(hour["reports"] for hour in found) == wanted and found

            last = until(all_reports)[-1]
            return last["reports"] >= 2 and last

        observation = until(shed)["observation"]
        assert observation["temp_c"] == pytest.approx(10.72, abs=0.01)
        assert observation["humidity"] == 0.88
    assert retained(port, "rain-forecast/status", lambda f: f["rain-forecast/status"] == "offline")


def count(database: str) -> int:
    engine = connect(database)
    with engine.connect() as connection:
        found = connection.scalar(select(func.count()).select_from(reports)) or 0
    engine.dispose()
    return found


@pytest.mark.slow("restarts the service several times")
@needs_broker
def test_killed_while_messages_come_it_has_them_all_in_the_end(
    url: str, tmp_path: Path, mapping: Path, port: int
) -> None:
    database = f"sqlite:///{tmp_path}/stations.db"
    wanted = 600
    messages = [(f"weather/s{n % 7}/state", {**MESSAGE, "ts": 1_370_606_400 + 60 * n}) for n in range(wanted)]
    environment = {**settings(port, mapping), "STATIONS_REPORTS_DAYS": "0"}
    with running(database, url, environment) as service:
        until(lambda: CONNECTED in httpx.get(f"{service.url}/metrics").text)
        publish(port, messages[: wanted // 2])
        until(lambda: count(database) >= 20)
        service.kill()
    publish(port, messages[wanted // 2 :])  # while nobody is there
    with running(database, url, environment):
        until(lambda: count(database) == wanted)


@needs_broker
def test_without_a_broker_it_serves_and_comes_back_to_a_new_one(
    url: str, tmp_path: Path, mapping: Path
) -> None:
    port = free_port()
    database = f"sqlite:///{tmp_path}/stations.db"
    with running(database, url, settings(port, mapping)) as service:
        query = "temperature=10+C&humidity=80+%25&wind_speed=3+m/s&wind_bearing=20+deg&pressure=1000+hPa"
        httpx.get(f"{service.url}/report?station=home&raining=on&{query}").raise_for_status()
        with broker(tmp_path, port):
            # Forecasts from before the connection are published too.
            found = retained_when_up(port)
            assert found["rain-forecast/home/forecast"]["prediction"] in ("Rain", "No_Rain")


def retained_when_up(port: int) -> dict[str, Any]:
    async def ping() -> None:
        async with aiomqtt.Client("127.0.0.1", port):
            pass

    until(lambda: attempt(ping))
    return retained(port, "rain-forecast/#", lambda f: "rain-forecast/home/forecast" in f)
