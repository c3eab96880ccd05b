"""The mapping file, which says how to read the messages of each topic.

A TOML file with one table per topic:

    [[topics]]
    topic = "weather/+/state"     # as MQTT subscribes; # and + are allowed
    station_level = 2             # the station's name is this level of the topic, counted from 1;
    # station = "home"            # or one name for all that comes
    elevation_m = 120             # optional
    time = "ts"                   # optional: where the time is; without it reports have that of their arrival
    raining = "rain.active"       # true, false, 0, 1, "on", "off"

    [topics.fields]               # the quantities of POST /reports, each with where it is and its unit
    temperature = { at = "outdoor.temp", unit = "°C" }
    humidity = { at = "outdoor.hum", unit = "%" }

``at`` is a path of keys, joined by dots; ``""`` is the payload itself, for topics with a single value. A
value may be a number or a string that contains one.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from aiomqtt import Topic, Wildcard
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stations.conversions.named import QUANTITIES, WORDS
from stations.conversions.units import NAMES
from stations.reports import refused


class BadMapping(ValueError):
    """The mapping file is invalid; the message says why."""


class Source(BaseModel):
    """The place of a quantity in a payload, and its unit."""

    model_config = ConfigDict(extra="forbid")
    at: str
    unit: str


class Mapped(BaseModel):
    """One topic, or a pattern of topics."""

    model_config = ConfigDict(extra="forbid")

    topic: str
    station: str | None = None
    station_level: Annotated[int | None, Field(ge=1)] = None
    elevation_m: float | None = None
    time: str | None = None
    raining: str | None = None
    fields: dict[str, Source] = {}

    @model_validator(mode="after")
    def _complete(self) -> Mapped:
        if (self.station is None) == (self.station_level is None):
            raise ValueError("give either station or station_level")
        if not self.fields and self.raining is None:
            raise ValueError("give fields or raining")
        for name, source in self.fields.items():
            if name not in QUANTITIES:
                raise ValueError(f"{name} is unknown; known are {', '.join(QUANTITIES)}")
            if source.unit not in NAMES[QUANTITIES[name]]:
                raise ValueError(f"{name}: unit {source.unit!r} is unknown")
        Wildcard(self.topic)
        return self

    def record(self, topic: str, payload: bytes) -> dict[str, Any]:
        """A record in the form of ``POST /reports``.

        Raises:
            Refused: the payload has none of the mapping's values, or the topic lacks the station's level.
        """
        try:
            document = json.loads(payload)
        except (ValueError, RecursionError):
            document = payload.decode(errors="replace").strip()
        values: dict[str, Any] = {}
        for name, source in self.fields.items():
            value = number(at(document, source.at))
            if value is not None:
                values[name] = {"value": value, "unit": source.unit}
        if self.raining is not None:
            value = at(document, self.raining)
            if value is not None:
                values["raining"] = WORDS.get(str(value).strip().lower(), value)
        if not values:
            raise refused("", f"nothing of the mapping is in the message of {topic[:100]}", "empty")
        moment = at(document, self.time) if self.time is not None else None
        if moment is not None:
            values["time"] = moment
        if self.elevation_m is not None:
            values["elevation_m"] = self.elevation_m
        return {"station": self._station(topic), **values}

    def _station(self, topic: str) -> str:
        if self.station is not None:
            return self.station
        assert self.station_level is not None
        levels = topic.split("/")
        if self.station_level > len(levels):
            raise refused("station", f"the topic {topic[:100]} has no level {self.station_level}")
        return levels[self.station_level - 1]


def read(file: Path) -> list[Mapped]:
    """The topics of a mapping file.

    Raises:
        BadMapping: it can't be read, or is invalid.
    """
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadMapping(f"{file} can't be read: {error}") from None
    topics = document.get("topics")
    if not isinstance(topics, list) or not topics:
        raise BadMapping(f"{file} has no [[topics]]")
    mapped = []
    for number_, topic in enumerate(topics, 1):
        try:
            mapped.append(Mapped.model_validate(topic))
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in error.errors())
            raise BadMapping(f"{file}, topic {number_}: {faults}") from None
    return mapped


def match(mapping: Sequence[Mapped], topic: Topic) -> Mapped | None:
    """The first entry that matches the topic; None without one."""
    return next((mapped for mapped in mapping if topic.matches(mapped.topic)), None)


def at(document: Any, path: str) -> Any:
    """The value at a path of keys; None if there is none."""
    for key in path.split(".") if path else ():
        document = document.get(key) if isinstance(document, dict) else None
    return document


def number(value: Any) -> float | None:
    """A number, or a string that contains one, as a float; None for anything else.

    An integer too large for a float becomes infinite, so that it is refused as out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError:
        return math.inf
