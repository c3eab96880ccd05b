"""What the service's log lines look like: BentoML's text, or one JSON object a line."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from weather.telemetry.request_id import add_request_id

LOGGERS = ("", "bentoml", "uvicorn.error", "circus")
"""Those that BentoML gives handlers; the monitor's are not among them, it writes data."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line; a traceback is a field, its line breaks escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "") or None,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(log_format: str) -> None:
    """Put the request id, and JSON if it is wanted, into the handlers that BentoML has made.

    BentoML configures a worker's logging before it imports the service, so this stays.
    """
    for name in LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if add_request_id not in handler.filters:
                handler.addFilter(add_request_id)
            if log_format == "json":
                handler.setFormatter(JsonFormatter())
