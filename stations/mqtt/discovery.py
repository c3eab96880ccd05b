"""The published messages: forecasts as retained JSON, and Home Assistant's discovery messages.

From the latter Home Assistant creates a device with a binary sensor and a probability sensor for each station
("MQTT discovery", Home Assistant's documentation).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from stations.reports import text_of
from stations.store.reading import prediction

EXPIRE_SECONDS = 3 * 3600
"""Home Assistant shows a forecast as unavailable if it has not been renewed for this time."""


def state_topic(prefix: str, station: str) -> str:
    """The topic of a station's forecast."""
    return f"{prefix}/{station}/forecast"


def status_topic(prefix: str) -> str:
    """The topic of ``online`` or ``offline``; the broker publishes the latter if the connection breaks."""
    return f"{prefix}/status"


def state(forecast: Mapping[str, Any]) -> str:
    """The retained message for a row of the table ``forecasts``."""
    return json.dumps(
        {
            "station": forecast["station"],
            "hour": text_of(forecast["hour"]),
            "prediction": prediction(forecast["rain"]),
            "probability": forecast["probability"],
            "horizon_hours": forecast["horizon_hours"],
            "model": forecast["model"],
            "issued": text_of(forecast["issued"]),
            "notes": forecast["notes"],
        },
        ensure_ascii=False,
    )


def identifier(station: str) -> str:
    """The station's name in characters that Home Assistant allows; different names stay different."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", station)
    return plain if plain == station else f"{plain}_{hashlib.sha256(station.encode()).hexdigest()[:8]}"


def configurations(discovery: str, prefix: str, station: str, name: str | None) -> dict[str, str]:
    """Discovery topic -> message, for both sensors of a station."""
    known = identifier(station)
    common = {
        "state_topic": state_topic(prefix, station),
        "json_attributes_topic": state_topic(prefix, station),
        "availability_topic": status_topic(prefix),
        "expire_after": EXPIRE_SECONDS,
        "device": {"identifiers": [f"{prefix}_{known}"], "name": name or station, "model": "Rain forecast"},
    }
    binary = {
        "name": "Rain expected",
        "unique_id": f"{prefix}_{known}_rain",
        "device_class": "moisture",
        "value_template": "{{ value_json.prediction }}",
        "payload_on": "Rain",
        "payload_off": "No_Rain",
        **common,
    }
    probability = {
        "name": "Chance of rain",
        "unique_id": f"{prefix}_{known}_probability",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "value_template": "{{ (value_json.probability * 100) | round(1) "
        "if value_json.probability is not none else none }}",
        **common,
    }
    return {
        f"{discovery}/binary_sensor/{prefix}/{known}_rain/config": json.dumps(binary, ensure_ascii=False),
        f"{discovery}/sensor/{prefix}/{known}_probability/config": json.dumps(
            probability, ensure_ascii=False
        ),
    }
