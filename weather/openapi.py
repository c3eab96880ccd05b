"""The OpenAPI document, made from the typed contract so that it can't say anything else."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from weather.problems import SENTENCES
from weather.settings import LARGEST_BODY
from weather.variables import Forecast, WeatherVariables

VERSION = "1.0.0"
"""The version of the request contract."""

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

REFUSALS = {
    400: "the body breaks the contract; every fault is named",
    413: f"the body is larger than {LARGEST_BODY:,} bytes",
    415: "the body is not application/json",
    **{status: SENTENCES[status] for status in (500, 503, 504)},
}


def document() -> dict[str, Any]:
    """OpenAPI 3.1 for the public endpoints."""
    _, schemas = models_json_schema(
        [(WeatherVariables, "validation"), (Forecast, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rain forecast",
            "version": VERSION,
            "description": "Seven surface observations in, a forecast of rain out.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Forecast rain from one hour's observations",
                    "operationId": "predict",
                    "tags": ["Forecast"],
                    "requestBody": {
                        "required": True,
                        "content": _json("WeatherVariables", WeatherVariables),
                    },
                    "responses": {
                        "200": {"description": "the forecast", "content": _json("Forecast", Forecast)},
                        **{
                            str(status): {"description": text, "content": _json("Problem")}
                            for status, text in REFUSALS.items()
                        },
                    },
                }
            },
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
                    "/": ("Welcome and links", _ok("application/json")),
                    "/livez": ("Whether the process lives", _ok("text/plain")),
                    "/readyz": (
                        "Whether forecasts can be asked for",
                        {
                            **_ok("text/plain"),
                            "503": {"description": SENTENCES[503], "content": _json("Problem")},
                        },
                    ),
                    "/metrics": ("Prometheus metrics", _ok("text/plain")),
                }.items()
            },
        },
        "components": {"schemas": {**schemas["$defs"], "Problem": PROBLEM_SCHEMA}},
    }


def _json(name: str, model: type[WeatherVariables] | type[Forecast] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    extra = model.model_config.get("json_schema_extra") if model else None
    if isinstance(extra, dict):
        content["example"] = extra["example"]
    return {"application/json": content}


def _ok(media_type: str) -> dict[str, Any]:
    return {"200": {"description": "OK", "content": {media_type: {}}}}
