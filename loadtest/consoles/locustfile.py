"""Simulates consoles: each user stands for STATIONS_A_USER of them, which report once a minute.

Half of them use Ecowitt's protocol, half Weather Underground's.
"""

from __future__ import annotations

import logging
import random
from itertools import count
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant_pacing, events, task
from locust.env import Environment

from loadtest.progress import report_progress
from loadtest.verdict import read_thresholds, verdict

THRESHOLDS = Path(__file__).parent / "thresholds.toml"
STATIONS_A_USER = 50
MINUTE = 60.0

log = logging.getLogger("consoles")
numbers = count()


def report() -> dict[str, Any]:
    """A plausible observation in US units: the fields that the protocols have in common."""
    return {
        "dateutc": "now",
        "tempf": f"{random.uniform(30, 80):.1f}",
        "humidity": str(random.randint(40, 99)),
        "windspeedmph": f"{random.uniform(0, 20):.2f}",
        "winddir": str(random.randint(0, 359)),
    }


class Console(FastHttpUser):
    """Sends one report for each of its stations in turn, within a minute."""

    wait_time = constant_pacing(MINUTE / STATIONS_A_USER)

    def on_start(self) -> None:
        """Choose the stations of this user."""
        first = next(numbers) * STATIONS_A_USER
        self.stations = [f"home-{first + n}" for n in range(STATIONS_A_USER)]
        self.turn = random.randrange(STATIONS_A_USER)

    @task
    def send(self) -> None:
        """Send one report of the next station."""
        self.turn = (self.turn + 1) % STATIONS_A_USER
        station = self.stations[self.turn]
        raining = f"{random.choice([0, 0, 0, 0.02]):.3f}"
        inches = f"{random.uniform(29.4, 30.4):.3f}"
        if self.turn % 2:
            form = {**report(), "rainratein": raining, "baromrelin": inches, "baromabsin": "29.100"}
            request = self.client.request(
                "POST", f"/ecowitt/{station}", data=form, name="Ecowitt", catch_response=True
            )
            expected = "ok"
        else:
            query = {**report(), "ID": station, "PASSWORD": "x", "rainin": raining, "baromin": inches}
            request = self.client.request(
                "GET",
                "/weatherstation/updateweatherstation.php",
                params=query,
                name="Weather Underground",
                catch_response=True,
            )
            expected = "success"
        with request as response:
            if response.status_code == 0:
                response.failure(f"no response from {self.host}: {response.error}")
            elif response.status_code != 200 or not (response.text or "").startswith(expected):
                response.failure(f"{response.status_code}: {(response.text or '')[:200]}")


events.test_start.add_listener(report_progress)  # type: ignore[no-untyped-call]


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Environment, **_: Any) -> None:
    """Compare the statistics with the thresholds, and set the exit code."""
    met, lines = verdict(environment.stats, read_thresholds(THRESHOLDS))
    log.info("thresholds:\n%s", "\n".join(lines))
    if environment.process_exit_code is None:
        environment.process_exit_code = 0 if met else 1
