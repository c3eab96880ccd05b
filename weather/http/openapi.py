"""The OpenAPI document, made from the typed contract, so that the two can't differ."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from weather.contract.fields import SUMMARY, TITLE
from weather.contract.optional import NONE, observations_type
from weather.contract.variables import ANSWER, EXAMPLE, FEATURES, MAX_ROWS, POSITIVE, Forecasts
from weather.contract.version import VERSION
from weather.http import openapi_inference
from weather.http.limits import ENDPOINTS, KEEP
from weather.http.openapi_responses import PROBLEM_SCHEMA, json_content, ok, post_responses, problem

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
            "required": [
                "version",
                "tags",
                "calibrated",
                "horizon_hours",
                "threshold",
                "optional",
                "features",
                "sha256",
            ],
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
                "optional": {
                    "type": "array",
                    "items": {"enum": [*FEATURES]},
                    "description": "fields that may be null or absent in an observation",
                },
                "features": {"type": "array", "items": {"type": "object"}},
                "sha256": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    },
    "text/html": {"schema": {"type": "string"}},
}

CSV_EXAMPLE, CSV_ANSWER = (
    ",".join(record) + "\n" + ",".join(map(str, record.values())) + "\n" for record in (EXAMPLE, ANSWER)
)

KEEP_PARAMETER = {
    "name": "keep",
    "in": "query",
    "required": False,
    "description": "of a CSV body: which of its columns the answer has before the forecasts; without it, "
    "as in JSON, other columns than the fields are refused",
    "schema": {"enum": [*KEEP], "type": "string"},
}

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""The two ways to send an API key."""


def document(keys: bool = False, optional: frozenset[str] = NONE) -> dict[str, Any]:
    """OpenAPI 3.1 for the public endpoints.

    ``keys``: whether the POST paths require an API key; ``optional``: the fields that may be missing.
    """
    _, schemas = models_json_schema(
        [(observations_type(optional), "validation"), (Forecasts, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    result: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": SUMMARY,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "./"}],  # relative to the document, so that a path prefix works
        "paths": {
            "/predict": _post(
                "Forecast from one observation",
                "predict",
                json_content("WeatherVariables", EXAMPLE),
                json_content("Forecast", ANSWER),
            ),
            "/predict_batch": _post(
                f"Forecast from 1 to {MAX_ROWS:,} observations, in order",
                "predict_batch",
                {
                    **json_content("Observations", {"observations": [EXAMPLE]}),
                    **_csv(
                        CSV_EXAMPLE,
                        _csv_meaning(optional),
                    ),
                },
                {
                    **json_content("Forecasts", {"forecasts": [ANSWER]}),
                    **_csv(CSV_ANSWER, "a header, then one line per observation"),
                },
                [KEEP_PARAMETER],
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
                    "/": ("Welcome and links", ok(WELCOME)),
                    "/model": ("The served model: features, horizon, scores, digests", ok(MODEL)),
                    "/livez": ("Whether the process is alive", ok(TEXT)),
                    "/readyz": (
                        "Whether the service is ready to forecast",
                        {**ok(TEXT), "503": problem(503)},
                    ),
                    "/metrics": ("Prometheus metrics", ok(TEXT)),
                }.items()
            },
            **openapi_inference.paths(),
        },
        "components": {
            "schemas": {
                **schemas["$defs"],
                **openapi_inference.schemas(optional),
                "Problem": PROBLEM_SCHEMA,
            }
        },
    }
    if keys:
        result["components"]["securitySchemes"] = SCHEMES
        for operation in (path["post"] for path in result["paths"].values() if "post" in path):
            operation["security"] = [{scheme: []} for scheme in SCHEMES]
            operation["responses"]["401"] = problem(401)
    return result


def _post(
    summary: str,
    operation: str,
    body: dict[str, Any],
    content: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "operationId": operation,
            "tags": ["Forecast"],
            "parameters": parameters or [],
            "requestBody": {"required": True, "content": body},
            "responses": post_responses(ENDPOINTS[f"/{operation}"], content),
        }
    }


def _csv_meaning(optional: frozenset[str]) -> str:
    meaning = "a header with the field names in any order, then one line per observation"
    if not optional:
        return meaning
    return f"{meaning}; a column that may be missing may have empty cells: {', '.join(sorted(optional))}"


def _csv(example: str, meaning: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "csv", "description": meaning}
    return {"text/csv": {"schema": schema, "example": example}}
