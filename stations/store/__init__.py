"""The database: reports, hours, forecasts and verdicts; SQLite, or PostgreSQL by a URL."""
