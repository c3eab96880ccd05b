"""SIGKILL at any moment: what was answered with 200 is on disk, and each service goes on by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from loadtest import serving
from stations.demo.processes import running
from stations.reports import HOUR
from stations.store.database import connect
from stations.store.tables import forecasts, hours, reports
from tests.conftest import EXAMPLE
from tests.waiting import until

SENDERS = 8
KILLS = 3
ACCEPTED_BEFORE_A_KILL = 150

FAST = {
    "STATIONS_RETRY_SECONDS": "0.05",
    "STATIONS_RETRY_MAX_SECONDS": "0.2",
    "STATIONS_WAIT_SECONDS": "0",
    "STATIONS_REPORTS_DAYS": "0",
}


def report(station: str, number: int) -> dict[str, Any]:
    return {
        "station": station,
        "time": 1_370_606_400 + number * HOUR,
        "temperature": {"value": 10, "unit": "°C"},
        "humidity": {"value": 80, "unit": "%"},
        "wind_speed": {"value": 10, "unit": "km/h"},
        "wind_bearing": {"value": 200, "unit": "°"},
        "visibility": {"value": 10, "unit": "km"},
        "pressure": {"value": 1009, "unit": "hPa"},
        "raining": number % 5 == 0,
    }


class Senders:
    """Stations that send one report after the other, and know which ones were accepted."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, int]] = []
        self.numbers = [0] * SENDERS
        self.stop = threading.Event()

    def send(self, url: str, sender: int) -> None:
        with httpx.Client(base_url=url) as client:
            while not self.stop.is_set():
                body = report(f"S{sender}", self.numbers[sender])
                self.numbers[sender] += 1
                try:
                    answer = client.post("/reports", json=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                self.accepted.append((body["station"], body["time"]))

    def wait_until_accepted(self, count: int) -> None:
        until(lambda: len(self.accepted) >= count)

    @contextmanager
    def sending(self, url: str) -> Iterator[None]:
        self.stop.clear()
        with ThreadPoolExecutor(SENDERS) as pool:
            futures = [pool.submit(self.send, url, sender) for sender in range(SENDERS)]
            yield
            self.stop.set()
        for future in futures:
            future.result()


def stored(database: str) -> set[tuple[str, int]]:
    engine = connect(database)
    with engine.connect() as connection:
        found = {
            (station, at) for station, at in connection.execute(select(reports.c.station, reports.c.time))
        }
    engine.dispose()
    return found


def without_forecast(database: str) -> int:
    told = (forecasts.c.station == hours.c.station) & (forecasts.c.hour == hours.c.hour)
    engine = connect(database)
    with engine.connect() as connection:
        query = select(hours.c.hour).outerjoin(forecasts, told).where(forecasts.c.hour.is_(None))
        found = len(connection.execute(query).all())
    engine.dispose()
    return found


def test_sigkill_at_any_moment_loses_no_accepted_report(url: str, database_url: str) -> None:
    senders = Senders()
    for kills in range(1, KILLS + 1):
        wanted = kills * ACCEPTED_BEFORE_A_KILL
        with running(database_url, url, FAST) as service:
            with senders.sending(service.url):
                senders.wait_until_accepted(wanted)
                service.kill()
            assert httpx.post(f"{url}/predict", json=EXAMPLE).status_code == 200
    found = stored(database_url)
    assert len(senders.accepted) >= KILLS * ACCEPTED_BEFORE_A_KILL
    assert set(senders.accepted) <= found
    with running(database_url, url, FAST):
        until(lambda: without_forecast(database_url) == 0)


def test_with_the_forecast_service_killed_reports_are_taken_and_it_catches_up(
    bentoml_home: Path, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/stations.db"
    port = serving.free_port()
    senders = Senders()
    with running(database, f"http://127.0.0.1:{port}", FAST) as service:

        def state() -> Any:
            return httpx.get(f"{service.url}/readyz").json()["forecast_service"]

        with serving.running(bentoml_home, port=port) as forecast_service, senders.sending(service.url):
            senders.wait_until_accepted(50)
            serving.kill(serving.family_of(forecast_service.process))
            while_down = len(senders.accepted)
            until(lambda: state() == "down")
            senders.wait_until_accepted(while_down + 50)
        answer = httpx.post(f"{service.url}/reports", json=report("late", 0)).raise_for_status().json()
        assert answer["outcome"] == "stored"
        assert answer["forecast"] is None
        assert answer["why_not"].startswith(
            "it waits for the forecast service: the forecast service does not"
        )
        assert without_forecast(database) > 50
        with serving.running(bentoml_home, port=port):
            until(lambda: without_forecast(database) == 0)
            until(lambda: state() == "up")
        assert set(senders.accepted) <= stored(database)


def test_reports_of_a_killed_service_are_forecast_by_the_next(url: str, tmp_path: Path) -> None:
    """Killed with a full queue, before any forecast."""
    database = f"sqlite:///{tmp_path}/stations.db"
    with running(database, "http://127.0.0.1:9", FAST) as service:
        body = {"reports": [report("A", number) for number in range(1000)]}
        httpx.post(f"{service.url}/reports", json=body).raise_for_status()
        service.kill()
    assert without_forecast(database) == 1000
    with running(database, url, FAST):
        until(lambda: without_forecast(database) == 0)
