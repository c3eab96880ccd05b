"""The format of the service's log lines: BentoML's text, or one JSON object per line."""

from __future__ import annotations

import logging

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from weather.telemetry.model_version import add_model_version
from weather.telemetry.request_id import add_request_id

LOGGERS = ("", "bentoml", "uvicorn.error", "circus")
"""The loggers that BentoML gives handlers, except the monitor's, which writes data."""

ACCESS = "bentoml.access"
"""The logger of BentoML's access log."""

TEXT_ATTRIBUTES = ("levelname_bracketed", "component", "service_name", "trace_msg", "color_message")
"""Attributes that BentoML and uvicorn add to records for their text formats."""


def json_formatter() -> JsonFormatter:
    """One JSON object per line; a traceback is a field, and so is what a log call passes as ``extra``."""
    return JsonFormatter(
        ["levelname", "name", "message", "request_id"],
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        reserved_attrs=[*RESERVED_ATTRS, *TEXT_ATTRIBUTES],
        timestamp="time",
        json_ensure_ascii=False,
    )


def configure(log_format: str) -> None:
    """Add the request id, and JSON if ``log_format`` is ``json``, to BentoML's handlers.

    Lines of the access log also get the model's version, which only JSON shows. BentoML configures a
    worker's logging before it imports the service, so this is not overwritten.
    """
    logging.getLogger(ACCESS).addFilter(add_model_version)
    for name in LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if add_request_id not in handler.filters:
                handler.addFilter(add_request_id)
            if log_format == "json":
                handler.setFormatter(json_formatter())
