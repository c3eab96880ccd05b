"""Both services as they run, asked as stations ask."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from stations.demo.processes import Stations, running
from tests.waiting import PATIENCE, until

KEY = "the key of the airports"
HOME_KEY = "the key of a home"


@pytest.fixture(scope="module")
def service(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stations]:
    folder = tmp_path_factory.mktemp("service")
    # A slow machine may need longer than 2 s.
    with running(f"sqlite:///{folder}/stations.db", url, env={"STATIONS_WAIT_SECONDS": "30"}) as found:
        yield found


@pytest.fixture(scope="module")
def client(service: Stations) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url) as session:
        yield session


@pytest.fixture(scope="module")
def guarded(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that wants keys, logs JSON and takes little."""
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "keys"
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in (KEY, HOME_KEY)]
    keys.write_text(f"# who may\nairports:{digests[0]}:K*\nhome:{digests[1]}\n")
    settings = {
        "STATIONS_KEYS_FILE": str(keys),
        "STATIONS_MAX_BODY_BYTES": "2000",
        "STATIONS_MAX_REPORTS": "3",
        "STATIONS_MAX_STATIONS": "2",
        "STATIONS_LOG_FORMAT": "json",
        "STATIONS_WAIT_SECONDS": "0",
        "STATIONS_BODY_SECONDS": "5",
    }
    with (
        (folder / "log").open("wb") as log,
        running(f"sqlite:///{folder}/db", url, settings, log=log) as found,
        httpx.Client(base_url=found.url) as session,
    ):
        yield session
    for line in (folder / "log").read_text().splitlines():
        assert {"time", "level", "logger", "message", "request_id"} <= json.loads(line).keys()
        assert KEY not in line
        assert HOME_KEY not in line


def metar(station: str, weather: str = "-RA") -> str:
    now = datetime.now(UTC).strftime("%d%H%MZ")
    return f"METAR {station} {now} 18021G30KT 6SM {weather} BR OVC008 11/10 A2955 RMK AO2 SLP007"


TEXT = {"Content-Type": "text/plain"}


def q(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


COMPLETE = {
    "temperature": q(51.3, "°F"),
    "humidity": q(88, "%"),
    "wind_speed": q(3, "m/s"),
    "wind_bearing": q(200, "°"),
    "visibility": q(10, "km"),
    "pressure": q(1009, "hPa"),
    "raining": True,
}


def test_a_metar_gives_a_forecast(client: httpx.Client, url: str) -> None:
    text = f"{metar('KJFK')}\nnonsense\n{metar('KLGA', 'BR')}"
    answer = client.post("/metar", content=text, headers=TEXT).raise_for_status().json()
    assert (answer["stored"], answer["refused"]) == (2, 1)
    kennedy, nonsense, laguardia = answer["reports"]
    assert nonsense["index"] == 1
    assert "no time such as" in nonsense["error"]
    asked = {**kennedy["observation"]}
    direct = httpx.post(f"{url}/predict", json=asked).json()
    assert {name: kennedy["forecast"][name] for name in direct} == direct
    model = httpx.get(f"{url}/model", headers={"Accept": "application/json"}).json()
    assert kennedy["forecast"]["model"] == model["tags"]["classifier"]
    assert kennedy["forecast"]["horizon_hours"] == model["horizon_hours"]
    assert kennedy["why_not"] is None
    assert laguardia["observation"]["current_weather_condition"] == 0


def test_sent_again_it_is_one_report(client: httpx.Client) -> None:
    report = {"station": "again", "time": int(time.time()) - 60, **COMPLETE}
    first, second = (client.post("/reports", json=report).raise_for_status().json() for _ in range(2))
    assert (first["outcome"], second["outcome"]) == ("stored", "repeated")
    assert first["forecast"] == second["forecast"]
    other = client.post("/reports", json={**report, "temperature": q(0, "°C")}).json()
    assert other["outcome"] == "conflicting"
    assert "it was kept" in other["notes"][0]
    assert len(client.get("/stations/again").json()["hours"]) == 1


def test_weather_underground_s_console(client: httpx.Client) -> None:
    client.put("/stations/cabin", json={"elevation_m": 400, "name": "Cabin"}).raise_for_status()
    query = {
        "ID": "cabin",
        "PASSWORD": "x",
        "action": "updateraw",
        "dateutc": "now",
        "tempf": "51.3",
        "humidity": "88",
        "windspeedmph": "3",
        "winddir": "200",
        "baromin": "28.58",
        "absbaromin": "28.58",
        "rainin": "0",
    }
    answer = client.get("/weatherstation/updateweatherstation.php", params=query)
    assert answer.status_code == 200
    assert answer.text.splitlines()[0] == "success"
    assert "967.8 hPa was reduced to 1015.6 hPa at sea level" in answer.text

    def forecast() -> Any:
        return client.get("/stations/cabin").json()["hours"][-1]["forecast"]

    assert "was assumed" in " ".join(until(forecast)["notes"])


def test_an_ecowitt_console_without_a_usable_pressure(client: httpx.Client) -> None:
    form = {"tempf": "51.3", "humidity": "88", "windspeedmph": "3", "winddir": "2", "baromrelin": "28.58"}
    form |= {"baromabsin": "28.58", "rainratein": "0.000", "dateutc": "now", "PASSKEY": "ABC"}
    answer = client.post("/ecowitt/garden", data=form)
    assert answer.text.splitlines()[0] == "ok"
    assert "give the station's elevation" in answer.text

    def reason() -> str:
        return str(client.get("/stations/garden").json()["hours"][-1]["why_not"])

    assert until(lambda: "missing" in reason() and reason()) == "no forecast: pressure_millibars missing"


def test_home_assistant_s_rest_sensor(client: httpx.Client) -> None:
    query = {
        "station": "ha",
        "temperature": "10.7 °C",
        "humidity": "88",
        "humidity_unit": "%",
        "wind_speed": "3 m/s",
        "wind_bearing": "200 °",
        "pressure": "1009 hPa",
        "visibility": "unavailable",
        "raining": "off",
    }
    answer = client.get("/report", params=query).raise_for_status().json()
    assert 0 <= answer["forecast"]["probability"] <= 1
    refused = client.get("/report", params={**query, "temperature": "10.7"})
    assert refused.status_code == 400
    assert refused.json()["detail"][0]["loc"] == ["temperature"]


def test_backfill_in_bulk(client: httpx.Client) -> None:
    first = int(time.time()) // 3600 * 3600 - 100 * 3600
    reports = [{"station": "bulk", "time": first + 300 * n, **COMPLETE} for n in range(1200)]
    bad = {**reports[7], "pressure": q(0, "hPa")}
    answer = client.post("/reports", json={"reports": [*reports, bad]}).raise_for_status().json()
    assert (answer["stored"], answer["refused"]) == (1200, 1)
    assert answer["reports"][1200]["detail"][0]["loc"] == ["pressure"]
    assert all(line["forecast"] for line in answer["reports"][:1200])
    hours = client.get("/stations/bulk", params={"hours": 200}).json()["hours"]
    assert len(hours) == 101
    assert hours[-1]["forecast"]["rained"] is None
    assert hours[0]["forecast"]["rained"] is True
    scores = client.get("/scores", params={"station": "bulk"}).json()
    assert scores["hours"] == 101 - hours[0]["forecast"]["horizon_hours"]
    assert scores["not_yet_verified"]["estimate"] is True


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/stations/nobody", {}, 404),
        ("GET", "/stations/ha?hours=1000000", {}, 400),
        ("GET", "/metar", {}, 405),
        ("POST", "/metar", {"content": "KJFK", "headers": {"Content-Type": "application/json"}}, 415),
        ("POST", "/metar", {"content": "KJFK", "headers": TEXT}, 400),
        ("POST", "/metar?reference=noon", {"content": "KJFK 311951Z", "headers": TEXT}, 400),
        ("POST", "/metar", {"content": "", "headers": TEXT}, 400),
        ("POST", "/reports", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400),
        (
            "POST",
            "/reports",
            {"content": "[" * 100_000, "headers": {"Content-Type": "application/json"}},
            400,
        ),
        ("POST", "/reports", {"json": {"reports": 1}}, 400),
        ("POST", "/reports", {"json": {"reports": []}}, 400),
        ("POST", "/reports", {"json": {"reports": [1, None]}}, 400),
        ("POST", "/ecowitt/a%20b", {"data": {"tempf": "1"}}, 400),
        ("POST", "/ecowitt/a", {"data": {"tempf": "hot"}}, 400),
        ("PUT", "/stations/ha", {"json": {"elevation_m": 1e9}}, 400),
        ("PUT", "/stations/ha", {"json": {"height": 1}}, 400),
        ("GET", "/weatherstation/updateweatherstation.php", {}, 400),
    ],
)
def test_bad_requests_get_the_one_error_shape(
    client: httpx.Client, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    answer = client.request(method, path, **more)
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error", "detail"}
    assert "x-request-id" in answer.headers
    for fault in answer.json()["detail"]:
        assert fault.keys() == {"loc", "msg", "type"}


def test_probes_metrics_and_the_welcome(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "forecast_service": "up"}
    client.post("/metar", content=metar("KEWR"), headers=TEXT).raise_for_status()
    text = client.get("/metrics").text
    assert 'stations_reports_total{outcome="stored",source="metar"}' in text
    assert "stations_forecast_service_up 1.0" in text
    assert client.get("/").json()["links"]["metar"] == "/metar"
    page = client.get("/", headers={"Accept": "text/html"})
    assert "default-src 'none'" in page.headers["content-security-policy"]
    again = client.get("/", headers={"Accept": "text/html", "If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    for refusal in ("text/html;q=0", "text/html; q=0.00, application/json"):
        assert client.get("/", headers={"Accept": refusal}).headers["content-type"] == "application/json"
    assert (
        client.get("/", headers={"Accept": "text/html;q=0.5"}).headers["content-type"]
        == page.headers["content-type"]
    )
    assert client.get("/livez", headers={"X-Request-ID": "mine"}).headers["x-request-id"] == "mine"


def test_a_key_is_for_its_stations(guarded: httpx.Client) -> None:
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert guarded.post("/metar", content=metar("KJFK"), headers=TEXT).status_code == 401
    wrong = guarded.post("/metar", content=metar("KJFK"), headers={**TEXT, "X-API-Key": "wrong"})
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"] == 'Bearer realm="stations"'
    assert guarded.post("/metar", content=metar("KJFK"), headers={**TEXT, **bearer}).status_code == 200
    stolen = guarded.post("/metar", content=metar("LFPG"), headers={**TEXT, **bearer})
    assert (stolen.status_code, stolen.json()["error"]) == (403, "this key is not for the station LFPG")
    assert guarded.put("/stations/KJFK", json={"name": "x"}).status_code == 401
    assert guarded.put("/stations/home", json={"name": "x"}, headers=bearer).status_code == 403


def test_consoles_have_their_own_places_for_keys(guarded: httpx.Client) -> None:
    form = {"tempf": "51.3", "dateutc": "now"}
    assert guarded.post("/ecowitt/home", data=form).status_code == 401
    assert guarded.post("/ecowitt/home/wrong", data=form).status_code == 401
    assert guarded.post(f"/ecowitt/home/{HOME_KEY}", data=form).status_code == 200
    query = {"ID": "home", "PASSWORD": HOME_KEY, "dateutc": "2026-11-01 00:00:00", "tempf": "50"}
    path = "/weatherstation/updateweatherstation.php"
    assert guarded.get(path, params={**query, "PASSWORD": "wrong"}).status_code == 401
    assert guarded.get(path, params={**query, "ID": "KJFK"}).status_code == 403
    old = guarded.get(path, params={**query, "dateutc": "2020-01-01 00:00:00"})
    assert "reports are kept for 30 days" in old.json()["error"]
    assert (
        guarded.get("/report", params={"key": HOME_KEY, "station": "home", "raining": "on"}).status_code
        == 200
    )


def test_limits(guarded: httpx.Client) -> None:
    headers = {**TEXT, "X-API-Key": KEY}
    assert guarded.post("/metar", content=b"x" * 2001, headers=headers).status_code == 413
    chunked = guarded.post("/metar", content=iter([b"x" * 1500, b"x" * 1500]), headers=headers)
    assert chunked.status_code == 413
    many = guarded.post("/metar", content="\n".join([metar("KJFK")] * 4), headers=headers)
    assert (many.status_code, many.json()["error"]) == (400, "there are 4 reports: give 1 to 3")
    guarded.post("/ecowitt/home/" + HOME_KEY, data={"tempf": "50"}).raise_for_status()
    guarded.post("/metar", content=metar("KJFK"), headers=headers).raise_for_status()
    third = guarded.post("/metar", content=metar("KBOS"), headers=headers)
    assert "there are 2 stations, which is the limit" in third.json()["error"]

    with connected(guarded) as raw:
        lines = [f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": "10"}.items()]
        raw.sendall(f"POST /metar HTTP/1.1\r\nHost: x\r\n{''.join(lines)}\r\nMETAR".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 408"), "the rest does not come"


def connected(client: httpx.Client) -> socket.socket:
    """A connection to the client's service."""
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=PATIENCE)


def test_an_endless_head_is_cut_off(guarded: httpx.Client) -> None:
    with connected(guarded) as raw:
        raw.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                raw.sendall(b"x" * 10_000)
        with contextlib.suppress(ConnectionError):
            assert raw.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")) or raw.recv(1) == b""
    assert guarded.get("/livez").status_code == 200


def test_after_sigterm_it_serves_on_unready_and_ends_with_0(url: str, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/stations.db"
    with running(database, url, env={"STATIONS_LAME_DUCK_SECONDS": "600"}) as service:
        service.process.send_signal(signal.SIGTERM)
        until(lambda: httpx.get(f"{service.url}/readyz").status_code == 503)
        answer = httpx.post(f"{service.url}/metar", content=metar("KJFK"), headers=TEXT)
        assert answer.status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0


def test_a_wrong_setting_is_said(url: str, tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("wb") as log,
        pytest.raises(RuntimeError, match="exit code 2"),
        running("sqlite://", url, env={"STATIONS_BATCH_ROWS": "0"}, log=log),
    ):
        pass
    assert "STATIONS_BATCH_ROWS: Input should be greater than or equal to 1" in (tmp_path / "log").read_text()
