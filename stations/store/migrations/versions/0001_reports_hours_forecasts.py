"""Stations, their reports, hours and forecasts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The fields at this revision. Not imported, because the contract may change later.
FIELDS = (
    "temp_c",
    "humidity",
    "wind_speed_kmph",
    "wind_bearing_degree",
    "visibility_km",
    "pressure_millibars",
    "current_weather_condition",
)


def values() -> list[sa.Column[float]]:
    """A column a field."""
    return [sa.Column(name, sa.Float(53)) for name in FIELDS]


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "stations",
        sa.Column("station", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("elevation_m", sa.Float(53)),
        sa.Column("latitude", sa.Float(53)),
        sa.Column("longitude", sa.Float(53)),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("station", name="pk_stations"),
    )
    op.create_table(
        "reports",
        sa.Column("station", sa.String(64), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        *values(),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("station", "time", name="pk_reports"),
    )
    op.create_index("ix_reports_station_hour", "reports", ["station", "hour"])
    op.create_index("ix_reports_hour", "reports", ["hour"])
    op.create_table(
        "hours",
        sa.Column("station", sa.String(64), nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("reports", sa.Integer, nullable=False),
        *values(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("queued", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.PrimaryKeyConstraint("station", "hour", name="pk_hours"),
    )
    op.create_index(
        "ix_hours_queued",
        "hours",
        ["hour"],
        postgresql_where=sa.text("queued"),
        sqlite_where=sa.text("queued = 1"),
    )
    op.create_table(
        "forecasts",
        sa.Column("station", sa.String(64), nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        *values(),
        sa.Column("assumed", sa.JSON, nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("rain", sa.Boolean, nullable=False),
        sa.Column("probability", sa.Float(53)),
        sa.Column("horizon_hours", sa.Integer),
        sa.Column("model", sa.String(200)),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=False),
        sa.Column("rained", sa.Boolean),
        sa.PrimaryKeyConstraint("station", "hour", name="pk_forecasts"),
    )
    op.create_index("ix_forecasts_hour", "forecasts", ["hour"])


def downgrade() -> None:
    """Remove them."""
    for table in ("forecasts", "hours", "reports", "stations"):
        op.drop_table(table)
