"""One report of one station, in the units of the forecast service's contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stations.contract import FEATURES, LIMITS, UNITS

STATION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Station names are used in paths, MQTT topics and logs."""

HOUR = 3600

FUTURE_SECONDS = 600
"""How far a station's clock may be ahead of this service's."""

OLDEST = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp())
"""An earlier time is that of a clock that was never set."""


@dataclass(frozen=True)
class Fault:
    """One fault of a request: its place (``loc``, a path into the body), a sentence, and its kind."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class Refused(ValueError):
    """An invalid report; each fault names its field."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(fault.msg for fault in faults))


def refused(name: str, message: str, kind: str = "value_error") -> Refused:
    """A ``Refused`` with one fault; an empty ``name`` means the whole report."""
    return Refused(Fault((name,) if name else (), message, kind))


@dataclass(frozen=True)
class Report:
    """The observation of a station at a time (Unix seconds).

    ``values`` has the known fields of the contract, in its units. ``notes`` tell the sender which values were
    left out or calculated. A ``correction`` replaces an earlier report of the same time.
    """

    station: str
    time: int
    source: str
    values: Mapping[str, float]
    notes: tuple[str, ...] = field(default=())
    correction: bool = False

    @property
    def hour(self) -> int:
        """The hour that the report belongs to."""
        return hour_of(self.time)


def hour_of(time: int) -> int:
    """The full hour at or after a time, Unix seconds: 11:01 to 12:00 belong to 12:00.

    So the values of an hour are known when it ends, and none is from after it: a forecast can't have seen
    the rain that it is verified with. A METAR of 11:51 belongs to 12:00, as in the training data.
    """
    return -(-time // HOUR) * HOUR


def checked_station(name: object) -> str:
    """Return the name of a station if it is valid.

    Raises:
        Refused: it is not 1 to 64 letters, digits, ``.``, ``_`` and ``-``.
    """
    if not isinstance(name, str) or not STATION_NAME.fullmatch(name):
        raise refused(
            "station", "station is 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first"
        )
    return name


def checked_time(time: float, now: float) -> int:
    """A report's time in whole seconds.

    Raises:
        Refused: it is ahead of this service's clock, or before 1900.
    """
    if time > now + FUTURE_SECONDS:
        raise refused("time", f"time is ahead of this service's clock, which says {text_of(now)}")
    if time < OLDEST:
        raise refused("time", "time is before 1900")
    return int(time)


def within_limits(values: Mapping[str, float], sent_as: Mapping[str, str] | None = None) -> dict[str, float]:
    """Return the values if all are within the contract's limits.

    ``sent_as`` maps the contract's fields to the names that the sender used, for the messages.

    Raises:
        Refused: some values are out of range or not finite.
    """
    faults = [
        Fault(((sent_as or {}).get(name, name),), out_of_range(name, sent_as), "out_of_range")
        for name, value in values.items()
        if not LIMITS[name][0] <= value <= LIMITS[name][1]
    ]
    if faults:
        raise Refused(*faults)
    return {name: float(values[name]) for name in FEATURES if name in values}


def drop_outside_limits(values: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """The values within the limits, and a note for each one that is left out.

    For consoles: their owners can't change what a broken sensor sends, and other sensors' values are valid.
    """
    good = {n: float(v) for n, v in values.items() if LIMITS[n][0] <= v <= LIMITS[n][1]}
    return good, [f"{out_of_range(name)}; it was left out" for name in values if name not in good]


def out_of_range(name: str, sent_as: Mapping[str, str] | None = None) -> str:
    """A sentence with the accepted range."""
    low, high = LIMITS[name]
    unit = "" if UNITS[name] == "1" else f" {UNITS[name]}"
    sent = (sent_as or {}).get(name, name)
    return f"{sent} is out of range: after conversion it must be from {low:g} to {high:g}{unit}"


def text_of(time: float) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """ISO 8601 as Unix seconds; without an offset it is UTC.

    Raises:
        ValueError: it is not such a time.
    """
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
