"""The tables. Times are Unix seconds (UTC); values are in the contract's units."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    text,
)

from stations.contract import FEATURES

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"}
)


def _values() -> list[Column[float]]:
    return [Column(name, Float(53)) for name in FEATURES]


stations = Table(
    "stations",
    metadata,
    Column("station", String(64), primary_key=True),
    Column("name", String(200)),
    Column("elevation_m", Float(53)),
    Column("latitude", Float(53)),
    Column("longitude", Float(53)),
    Column("first_seen", BigInteger, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("station", String(64), primary_key=True),
    Column("time", BigInteger, primary_key=True),
    Column("hour", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("source", String(16), nullable=False),
    *_values(),
    Column("notes", JSON, nullable=False),
    Index(None, "station", "hour"),
    Index(None, "hour"),
)
"""Reports as they were sent, one row per station and time; a value that was not sent is NULL."""

hours = Table(
    "hours",
    metadata,
    Column("station", String(64), primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("reports", Integer, nullable=False),
    *_values(),
    Column("revision", Integer, nullable=False),
    Column("queued", Boolean, nullable=False),
    Column("reason", String(500)),
    Index("ix_hours_queued", "hour", postgresql_where=text("queued"), sqlite_where=text("queued = 1")),
)
"""The reports of an hour merged into one observation. ``queued``: its forecast is still to be requested.
``revision`` counts the changes, so that an answer that comes after a change leaves the hour queued.
``reason`` says why there is no forecast."""

forecasts = Table(
    "forecasts",
    metadata,
    Column("station", String(64), primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    *_values(),
    Column("assumed", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("rain", Boolean, nullable=False),
    Column("probability", Float(53)),
    Column("horizon_hours", Integer),
    Column("model", String(200)),
    Column("request_id", String(128), nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("rained", Boolean),
    Index(None, "hour"),
)
"""The latest forecast of each station and hour, with the values that it was made from.
``rained`` is the verdict: whether any of the ``horizon_hours`` after it had rain; NULL until all of
them are observed. ``assumed`` names the values that nobody measured."""
