"""The OpenAPI document, made from the typed contract so that it can't say anything else."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from weather.contract.variables import ANSWER, EXAMPLE, FEATURES, MAX_ROWS, Forecasts, Observations
from weather.contract.version import VERSION
from weather.http.limits import ENDPOINTS
from weather.http.problems import RETRY_HEADERS, SENTENCES

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
                        "description": "path to the faulty place in the body",
                    },
                    "msg": {"type": "string", "description": "the fault and the accepted range"},
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
"""HTML for those who accept it, which browsers do."""

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
                "horizon_hours": {"type": ["integer", "null"], "description": "null where it is not known"},
                "threshold": {"type": ["number", "null"], "description": "Rain above this probability"},
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
                "required": True,
                "description": "seconds to wait at least",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
        for status in RETRY_HEADERS
    },
}
"""Headers that an error never lacks."""

STATUSES = (400, 413, 415, 429, 500, 503, 504)
"""What a POST can answer besides 200."""

CSV_EXAMPLE = ",".join(FEATURES) + "\n8.75,0.83,14.3,250,15.8,1016.5,1\n"


SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""Either of the two ways to present an API key."""


def document(keys: bool = False) -> dict[str, Any]:
    """OpenAPI 3.1 for the public endpoints; ``keys``: whether the POST paths want an API key."""
    _, schemas = models_json_schema(
        [(Observations, "validation"), (Forecasts, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Rain forecast",
            "version": VERSION,
            "description": "Seven surface observations in, a forecast of rain out.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "./"}],  # beside the document, also behind a path prefix
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
                    **_csv(CSV_EXAMPLE, "a line of the seven field names, in any order, and a line an hour"),
                },
                {
                    **_json("Forecasts", {"forecasts": [ANSWER]}),
                    **_csv(
                        "prediction,probability\nRain,0.83\n", "a header, and a line for each observation"
                    ),
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
                    "/model": ("The served model: what it is, how good it was", _ok(MODEL)),
                    "/livez": ("Whether the process lives", _ok(TEXT)),
                    "/readyz": ("Whether forecasts can be asked for", {**_ok(TEXT), "503": _problem(503)}),
                    "/metrics": ("Prometheus metrics", _ok(TEXT)),
                }.items()
            },
        },
        "components": {"schemas": {**schemas["$defs"], "Problem": PROBLEM_SCHEMA}},
    }
    if keys:
        found["components"]["securitySchemes"] = SCHEMES
        for path in ENDPOINTS:
            operation = found["paths"][path]["post"]
            operation["security"] = [{scheme: []} for scheme in SCHEMES]
            operation["responses"]["401"] = _problem(401)
    return found


def _post(summary: str, operation: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    limits = ENDPOINTS[f"/{operation}"]
    sentences = {
        400: "the body breaks the contract; every fault is named",
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
    described = {"description": sentence or SENTENCES[status], "content": _json("Problem")}
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
