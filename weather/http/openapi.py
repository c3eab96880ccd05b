"""The OpenAPI document, made from the typed contract, so that the two can't differ."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from weather.contract.variables import ANSWER, EXAMPLE, FEATURES, MAX_ROWS, POSITIVE, Forecasts, Observations
from weather.contract.version import VERSION
from weather.http.limits import ENDPOINTS
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

TEXT: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}

WELCOME: dict[str, Any] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["Hello", "links"],
            "properties": {
                "Hello": {"type": "string"},
                "links": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    },
    "text/html": {"schema": {"type": "string"}},
}
"""Clients that accept HTML, as browsers do, get a page."""

MODEL: dict[str, Any] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["version", "tags", "calibrated", "horizon_hours", "threshold", "features", "sha256"],
            "properties": {
                "name": {"type": ["string", "null"]},
                "version": {"type": "string"},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                "calibrated": {"type": "boolean"},
                "horizon_hours": {"type": ["integer", "null"], "description": "null if unknown"},
                "threshold": {
                    "type": ["number", "null"],
                    "description": f"{POSITIVE} above this probability",
                },
                "features": {"type": "array", "items": {"type": "object"}},
                "sha256": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    },
    "text/html": {"schema": {"type": "string"}},
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

STATUSES = (400, 413, 415, 429, 500, 503, 504)
"""Statuses of a POST besides 200 (and 401)."""

CSV_EXAMPLE = ",".join(FEATURES) + "\n8.75,0.83,14.3,250,15.8,1016.5,1\n"


SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""The two ways to send an API key."""


def document(keys: bool = False) -> dict[str, Any]:
    """OpenAPI 3.1 for the public endpoints; ``keys``: whether the POST paths require an API key."""
    _, schemas = models_json_schema(
        [(Observations, "validation"), (Forecasts, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    result: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Rain forecast",
            "version": VERSION,
            "description": "Seven surface observations in, a forecast of rain out.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "./"}],  # relative to the document, so that a path prefix works
        "paths": {
            "/predict": _post(
                "Forecast rain from one hour's observations",
                "predict",
                _json("WeatherVariables", EXAMPLE),
                _json("Forecast", ANSWER),
            ),
            "/predict_batch": _post(
                f"Forecast rain from 1 to {MAX_ROWS:,} observations, in order",
                "predict_batch",
                {
                    **_json("Observations", {"observations": [EXAMPLE]}),
                    **_csv(
                        CSV_EXAMPLE,
                        "a header with the field names in any order, then one line per observation",
                    ),
                },
                {
                    **_json("Forecasts", {"forecasts": [ANSWER]}),
                    **_csv("prediction,probability\nRain,0.83\n", "a header, then one line per observation"),
                },
            ),
            **{
                path: {
                    "get": {
                        "summary": summary,
                        "operationId": path.strip("/") or "welcome",
                        "tags": ["Operations"],
                        "responses": responses,
                    }
                }
                for path, (summary, responses) in {
                    "/": ("Welcome and links", _ok(WELCOME)),
                    "/model": ("The served model: features, horizon, scores, digests", _ok(MODEL)),
                    "/livez": ("Whether the process is alive", _ok(TEXT)),
                    "/readyz": (
                        "Whether the service is ready to forecast",
                        {**_ok(TEXT), "503": _problem(503)},
                    ),
                    "/metrics": ("Prometheus metrics", _ok(TEXT)),
                }.items()
            },
        },
        "components": {"schemas": {**schemas["$defs"], "Problem": PROBLEM_SCHEMA}},
    }
    if keys:
        result["components"]["securitySchemes"] = SCHEMES
        for path in ENDPOINTS:
            operation = result["paths"][path]["post"]
            operation["security"] = [{scheme: []} for scheme in SCHEMES]
            operation["responses"]["401"] = _problem(401)
    return result


def _post(summary: str, operation: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    limits = ENDPOINTS[f"/{operation}"]
    sentences = {
        400: "the body breaks the contract; detail lists the faults",
        413: f"the body is larger than {limits.max_bytes:,} bytes",
        415: f"the body is not {' or '.join(limits.media_types)}",
    }
    return {
        "post": {
            "summary": summary,
            "operationId": operation,
            "tags": ["Forecast"],
            "requestBody": {"required": True, "content": body},
            "responses": {
                "200": {"description": "the forecast", "content": answer},
                **{str(status): _problem(status, sentences.get(status, "")) for status in STATUSES},
            },
        }
    }


def _problem(status: int, sentence: str = "") -> dict[str, Any]:
    described = {"description": sentence or MESSAGES[status], "content": _json("Problem")}
    return {**described, "headers": HEADERS[status]} if status in HEADERS else described


def _json(name: str, example: object = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    if example is not None:
        content["example"] = example
    return {"application/json": content}


def _csv(example: str, meaning: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "csv", "description": meaning}
    return {"text/csv": {"schema": schema, "example": example}}


def _ok(content: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "OK", "content": content}}
