"""Sends the week to a running service, one hour of it every ``3600 / speed`` seconds."""

from __future__ import annotations

import time

import httpx

from stations.demo.week import PLACES, reports
from stations.reports import HOUR


def replay(url: str, speed: float) -> int:
    """Send all reports; returns their number.

    Raises:
        httpx.HTTPStatusError: the service rejected a request.
    """
    sent = 0
    start = time.monotonic()
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        for station, place in PLACES.items():
            client.put(f"/stations/{station}", json=place).raise_for_status()
        for number, hour in enumerate(reports()):
            client.post("/reports", json={"reports": hour}).raise_for_status()
            sent += len(hour)
            time.sleep(max(0.0, start + (number + 1) * HOUR / speed - time.monotonic()))
    return sent
