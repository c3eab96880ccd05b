from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from stations.store.database import connect, migrate
from tests.stations import postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real PostgreSQL."""
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed (Debian's postgresql)")
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of each kind; PostgreSQL's may hold tables of an earlier test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/stations.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database at the newest revision."""
    engine = connect(database_url)
    migrate(engine)
    yield engine
    migrate(engine, "base")
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection
