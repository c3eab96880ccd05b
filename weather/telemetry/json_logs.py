"""The format of the service's log lines: BentoML's text, or one JSON object per line."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from weather.telemetry.request_id import add_request_id

LOGGERS = ("", "bentoml", "uvicorn.error", "circus")
"""The loggers that BentoML gives handlers, except the monitor's, which writes data."""


class JsonFormatter(logging.Formatter):
    """One JSON object per line; a traceback is a field with escaped line breaks."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record."""
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
    """Add the request id, and JSON if ``log_format`` is ``json``, to BentoML's handlers.

    BentoML configures a worker's logging before it imports the service, so this is not overwritten.
    """
    for name in LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if add_request_id not in handler.filters:
                handler.addFilter(add_request_id)
            if log_format == "json":
                handler.setFormatter(JsonFormatter())
