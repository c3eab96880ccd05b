"""Responses in the OpenAPI document: their content, and the errors of every path."""

from __future__ import annotations

from typing import Any

from weather.http.limits import Endpoint
from weather.http.problems import MESSAGES, RETRY_HEADERS

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "required": ["error", "detail"],
    "additionalProperties": False,
    "properties": {
        "error": {"type": "string", "description": "one sentence"},
        "detail": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {
                        "type": "array",
                        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                        "description": "path to the fault in the body",
                    },
                    "msg": {"type": "string", "description": "the fault and what is accepted"},
                    "type": {"type": "string"},
                },
            },
        },
    },
}

HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    **{
        status: {
            "Retry-After": {
                # A model that failed its check fails until the service is started anew.
                "required": status != 503,
                "description": "seconds to wait before the next attempt",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
        for status in RETRY_HEADERS
    },
}
"""Headers of error responses."""

MODEL_VERSION: dict[str, Any] = {
    "X-Model-Version": {
        "required": True,
        "description": "tag of the classifier that made the forecast, as `/model` has it",
        "schema": {"type": "string"},
    }
}
"""Header of a forecast."""

STATUSES = (400, 413, 415, 429, 500, 503, 504)
"""Statuses of a POST besides 200 (and 401)."""


def post_responses(limits: Endpoint, content: dict[str, Any]) -> dict[str, Any]:
    """The responses of a POST path with these limits, by status."""
    sentences = {
        400: "the body breaks the contract; detail lists the faults",
        413: f"the body is larger than {limits.max_bytes:,} bytes",
        415: f"the body is not {' or '.join(filter(None, limits.media_types))}",
    }
    return {
        "200": {"description": "the forecast", "content": content, "headers": MODEL_VERSION},
        **{str(status): problem(status, sentences.get(status, "")) for status in STATUSES},
    }


def problem(status: int, sentence: str = "") -> dict[str, Any]:
    """The error response of a status."""
    described = {"description": sentence or MESSAGES[status], "content": json_content("Problem")}
    return {**described, "headers": HEADERS[status]} if status in HEADERS else described


def json_content(name: str, example: object = None) -> dict[str, Any]:
    """JSON by the name of its schema."""
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    if example is not None:
        content["example"] = example
    return {"application/json": content}


def ok(content: dict[str, Any]) -> dict[str, Any]:
    """The response to a GET."""
    return {"200": {"description": "OK", "content": content}}
