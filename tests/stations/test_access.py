"""Group commit: reports that arrive together share a transaction, and nobody suffers from another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from stations.reports import Report
from stations.store.access import Database, TooManyPending
from stations.store.database import connect, migrate
from stations.store.tables import reports


def play(folder: Path, act: Callable[[Database], Awaitable[None]], max_pending: int = 1000) -> None:
    async def main() -> None:
        engine = connect(f"sqlite:///{folder}/stations.db")
        migrate(engine)
        database = Database(engine, max_pending)
        try:
            await act(database)
        finally:
            await database.close()

    asyncio.run(main())


def report(number: int, station: str = "A") -> Report:
    return Report(station, 1_370_606_400 + number, "test", {"temp_c": 1.0})


def test_those_who_come_together_share_a_transaction(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        commits: list[object] = []
        event.listen(database.engine, "commit", commits.append)
        stored = await asyncio.gather(*(database.store([report(n)]) for n in range(500)))
        assert stored == [["stored"]] * 500
        assert len(commits) <= 3
        assert database.pending == 0

    play(tmp_path, act)


def test_one_whose_report_the_database_refuses_fails_alone(tmp_path: Path) -> None:
    too_large = Report("B", 2**70, "test", {"temp_c": 1.0})

    async def act(database: Database) -> None:
        results = await asyncio.gather(
            database.store([report(1)]),
            database.store([report(2)]),
            database.store([too_large]),
            database.store([report(3)]),
            return_exceptions=True,
        )
        assert [isinstance(result, OverflowError) for result in results] == [False, False, True, False]
        count = await database.read(lambda c: c.scalar(select(func.count()).select_from(reports)))
        assert count == 3

    play(tmp_path, act)


def test_too_many_at_once_are_refused(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        first = asyncio.create_task(database.store([report(n) for n in range(8)]))
        await asyncio.sleep(0)
        with pytest.raises(TooManyPending):
            await database.store([report(n) for n in range(8, 11)])
        assert await first == ["stored"] * 8
        assert await database.store([report(n) for n in range(8, 11)]) == ["stored"] * 3

    play(tmp_path, act, max_pending=10)


def test_a_sender_who_left_harms_nobody(tmp_path: Path) -> None:
    async def act(database: Database) -> None:
        leaving = asyncio.create_task(database.store([report(1)]))
        staying = asyncio.create_task(database.store([report(2)]))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == ["stored"]

    play(tmp_path, act)
