"""Changes of the database: stores reports and forecasts, sets verdicts.

Every function works within the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Table,
    bindparam,
    case,
    cast,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from stations.contract import FEATURES, MAX_HORIZON_HOURS, RAIN
from stations.reports import HOUR, Report
from stations.store.hours import merged
from stations.store.tables import forecasts, hours, reports, stations

T = TypeVar("T")

Key = tuple[str, int]
"""A station and a time or an hour."""

Stored = Literal["stored", "repeated", "corrected", "conflicting"]
"""The outcome of a report. ``conflicting``: another report of the same time was stored first and is kept."""

KEYS_A_QUERY = 200
"""Keys in one statement, well below the databases' limits on parameters."""


def write_reports(connection: Connection, batch: Sequence[Report], now: int) -> list[Stored]:
    """Store reports and update their hours; returns the outcome of each report, in order."""
    rows = {(report.station, report.time): _row(report, now) for report in reversed(batch)}
    _insert_missing_stations(connection, {report.station for report in batch}, now)
    new = _insert_new(connection, list(rows.values()))
    known = _known(connection, rows.keys() - new)
    outcomes: list[Stored] = []
    touched: set[Key] = set()
    seen: set[Key] = set()
    for report in batch:
        key = (report.station, report.time)
        if key in new and key not in seen:
            outcomes.append("stored")
            touched.add((report.station, report.hour))
        else:
            earlier = known.get(key) or rows[key]
            same = all(earlier[name] == report.values.get(name) for name in FEATURES)
            if same:
                outcomes.append("repeated")
            elif report.correction:
                correction = known[key] = _row(report, now)
                _replace(connection, correction)
                touched.add((report.station, report.hour))
                outcomes.append("corrected")
            else:
                outcomes.append("conflicting")
        seen.add(key)
    refresh_hours(connection, touched)
    return outcomes


def _row(report: Report, now: int) -> dict[str, Any]:
    return {
        "station": report.station,
        "time": report.time,
        "hour": report.hour,
        "received": now,
        "source": report.source,
        "notes": list(report.notes),
        **{name: report.values.get(name) for name in FEATURES},
    }


def insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that supports ON CONFLICT, which SQLite and PostgreSQL write alike."""
    if connection.dialect.name == "postgresql":
        return postgresql.Insert(table)
    return sqlite.Insert(table)


def _insert_missing_stations(connection: Connection, names: Iterable[str], now: int) -> None:
    rows = [{"station": name, "first_seen": now} for name in sorted(names)]
    if rows:
        connection.execute(insert(connection, stations).on_conflict_do_nothing(), rows)


def _insert_new(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[Key]:
    """Insert rows whose keys are new; returns these keys."""
    added: set[Key] = set()
    for part in _parts(rows):
        statement = insert(connection, reports).values(list(part)).on_conflict_do_nothing()
        inserted = connection.execute(statement.returning(reports.c.station, reports.c.time))
        added.update((station, time) for station, time in inserted)
    return added


def _known(connection: Connection, keys: Collection[Key]) -> dict[Key, Mapping[str, Any]]:
    stored: dict[Key, Mapping[str, Any]] = {}
    for part in _parts(sorted(keys)):
        wanted = select(reports).where(tuple_(reports.c.station, reports.c.time).in_(part))
        rows = connection.execute(wanted).mappings()
        stored.update({(row["station"], row["time"]): dict(row) for row in rows})
    return stored


def _replace(connection: Connection, row: Mapping[str, Any]) -> None:
    here = (reports.c.station == row["station"]) & (reports.c.time == row["time"])
    connection.execute(update(reports).where(here).values(**row))


def refresh_hours(connection: Connection, keys: Collection[Key]) -> None:
    """Merge these hours from their reports again, queue them, and update verdicts that depend on them.

    Hours are merged from all their reports, so the order in which reports arrive makes no difference.
    """
    for part in _parts(sorted(keys)):
        where = tuple_(reports.c.station, reports.c.hour).in_(part)
        in_order = select(reports).where(where).order_by(reports.c.station, reports.c.time)
        groups: dict[Key, list[Mapping[str, Any]]] = {key: [] for key in part}
        for row in connection.execute(in_order).mappings():
            groups[row["station"], row["hour"]].append(dict(row))
        now = {key: merged(group) for key, group in groups.items()}
        rows = [
            {"station": s, "hour": h, "reports": len(groups[s, h]), **values, "revision": 1, "queued": True}
            for (s, h), values in now.items()
        ]
        statement = insert(connection, hours)
        new = statement.excluded
        changed = {name: new[name] for name in ("reports", *FEATURES)}
        statement = statement.on_conflict_do_update(
            index_elements=["station", "hour"],
            set_={**changed, "revision": hours.c.revision + 1, "queued": True, "reason": None},
        )
        before = _rain(connection, part)
        connection.execute(statement, rows)
        judge_before(connection, [key for key in part if before.get(key) != now[key][RAIN]])


def _rain(connection: Connection, keys: Sequence[Key]) -> dict[Key, float | None]:
    """Whether it rained, for those of the hours that are stored."""
    where = tuple_(hours.c.station, hours.c.hour).in_(keys)
    rows = connection.execute(select(hours.c.station, hours.c.hour, hours.c[RAIN]).where(where))
    return {(station, hour): rain for station, hour, rain in rows}


def write_forecasts(
    connection: Connection, made: Sequence[Mapping[str, Any]], revisions: Mapping[Key, int]
) -> None:
    """Store forecasts (rows of the table), and dequeue their hours unless these have changed since."""
    if not made:
        return
    statement = insert(connection, forecasts)
    changed = {
        column.name: statement.excluded[column.name] for column in forecasts.c if not column.primary_key
    }
    statement = statement.on_conflict_do_update(index_elements=["station", "hour"], set_=changed)
    connection.execute(statement, list(made))
    for row in made:
        dequeue(connection, (row["station"], row["hour"]), revisions)
    judge(connection, [(row["station"], row["hour"]) for row in made])


def dequeue(
    connection: Connection, key: Key, revisions: Mapping[Key, int], reason: str | None = None
) -> None:
    """Dequeue an hour unless it has changed since; ``reason`` says why it gets no forecast."""
    here = (hours.c.station == key[0]) & (hours.c.hour == key[1]) & (hours.c.revision == revisions[key])
    connection.execute(update(hours).where(here).values(queued=False, reason=reason))
    if reason is not None:
        outdated = (forecasts.c.station == key[0]) & (forecasts.c.hour == key[1])
        connection.execute(delete(forecasts).where(outdated))


def judge_before(connection: Connection, keys: Collection[Key]) -> None:
    """Update the verdicts of the forecasts whose horizons include these hours."""
    if keys:
        hour = bindparam("of_hour", type_=BigInteger)
        in_horizon = (
            (forecasts.c.station == bindparam("of_station"))
            & forecasts.c.hour.between(hour - MAX_HORIZON_HOURS * HOUR, hour - HOUR)
            & (forecasts.c.hour + forecasts.c.horizon_hours * HOUR >= hour)
        )
        change = update(forecasts).where(in_horizon).values(rained=rained_within_horizon().scalar_subquery())
        connection.execute(change, [{"of_station": s, "of_hour": h} for s, h in sorted(keys)])


def judge(connection: Connection, keys: Collection[Key]) -> None:
    """Set the verdict of these forecasts: rain in any hour of the horizon, once all are observed."""
    for part in _parts(sorted(keys)):
        here = tuple_(forecasts.c.station, forecasts.c.hour).in_(part)
        verdict = rained_within_horizon().scalar_subquery()
        connection.execute(update(forecasts).where(here).values(rained=verdict))


def rained_within_horizon() -> Select[bool]:
    """Subquery for a row of ``forecasts``: 1 or 0; NULL unless rain is known in each hour of the horizon."""
    within = (
        (hours.c.station == forecasts.c.station)
        & (hours.c.hour > forecasts.c.hour)
        & (hours.c.hour <= forecasts.c.hour + forecasts.c.horizon_hours * HOUR)
    )
    complete = func.count(hours.c[RAIN]) == forecasts.c.horizon_hours
    wet = cast(func.max(hours.c[RAIN]), Integer) == 1
    return select(case((complete, wet))).where(within).correlate(forecasts)


def _parts(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[i : i + KEYS_A_QUERY] for i in range(0, len(items), KEYS_A_QUERY))
