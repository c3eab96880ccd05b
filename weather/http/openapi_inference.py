"""The Open Inference Protocol's operations in the OpenAPI document."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from weather.contract.names import SERVICE
from weather.contract.variables import ANSWER, EXAMPLE, FEATURES, MAX_ROWS
from weather.http.limits import ENDPOINTS, INFER, MODEL
from weather.http.openapi_responses import json_content, ok, post_responses, problem

TAG = "Open Inference Protocol"

VERSION_PARAMETER = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "the model's version, as the metadata and `/model` give it",
    "schema": {"type": "string", "pattern": "^[a-z0-9]+$"},
}

LENGTH_HEADER = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "of a body with binary data: the number of bytes of its JSON",
    "schema": {"type": "integer", "minimum": 0},
}

DATATYPES = ["FP32", "FP64", *(f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64))]

OPTIONAL_PARAMETERS = {"$ref": "#/components/schemas/InferenceParameters"}

TENSOR_METADATA = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}, "description": "-1 for any number"},
    },
}

SCHEMAS: dict[str, Any] = {
    "InferenceParameters": {
        "type": ["object", "null"],
        "description": "which outputs to send as binary data, and the bytes of an input; others are ignored",
        "properties": {
            "binary_data_output": {"type": "boolean", "description": "of a request: every output"},
            "binary_data": {"type": ["boolean", "null"], "description": "of an output"},
            "binary_data_size": {"type": ["integer", "null"], "minimum": 0, "description": "of an input"},
        },
    },
    "InferenceInput": {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"enum": [*FEATURES, "observations"]},
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": MAX_ROWS},
                "minItems": 1,
                "maxItems": 2,
                "description": f"[n] or [n, 1]; of observations [n, {len(FEATURES)}]",
            },
            "datatype": {"enum": DATATYPES},
            "parameters": OPTIONAL_PARAMETERS,
            "data": {
                "type": ["array", "null"],
                "items": {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]},
                "description": "in row-major order, flat or nested; left out where binary data comes instead",
            },
        },
    },
    "InferenceRequest": {
        "type": "object",
        "title": "InferenceRequest",
        "required": ["inputs"],
        "properties": {
            "id": {"type": ["string", "null"], "description": "comes back in the response"},
            "parameters": OPTIONAL_PARAMETERS,
            "inputs": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/components/schemas/InferenceInput"},
                "description": (
                    f"a tensor for each of {', '.join(FEATURES)}; or one named observations, "
                    "its columns in this order"
                ),
            },
            "outputs": {
                "type": ["array", "null"],
                "description": "all if there are none",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"enum": ["probability", "prediction"]},
                        "parameters": OPTIONAL_PARAMETERS,
                    },
                },
            },
        },
    },
    "InferenceResponse": {
        "type": "object",
        "title": "InferenceResponse",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"const": SERVICE},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "datatype", "shape"],
                    "properties": {
                        "name": {"enum": ["probability", "prediction"]},
                        "datatype": {"enum": ["FP32", "BYTES"]},
                        "shape": {"type": "array", "items": {"type": "integer"}, "description": "[n, 1]"},
                        "parameters": {"type": "object"},
                        "data": {"type": "array", "items": {"type": ["number", "string"]}},
                    },
                },
            },
        },
    },
    "ModelMetadata": {
        "type": "object",
        "title": "ModelMetadata",
        "required": ["name", "versions", "platform", "inputs", "outputs"],
        "properties": {
            "name": {"const": SERVICE},
            "versions": {"type": "array", "items": {"type": "string"}},
            "platform": {"type": "string"},
            "inputs": {"type": "array", "items": TENSOR_METADATA},
            "outputs": {"type": "array", "items": TENSOR_METADATA},
            "properties": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}

REQUEST_EXAMPLE = {
    "id": "1",
    "inputs": [
        {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [EXAMPLE[name]]} for name in FEATURES
    ],
}

RESPONSE_EXAMPLE = {
    "model_name": SERVICE,
    "model_version": "ae5f1c1b9d3e",
    "id": "1",
    "outputs": [
        {"name": "probability", "datatype": "FP32", "shape": [1, 1], "data": [ANSWER["probability"]]},
        {
            "name": "prediction",
            "datatype": "BYTES",
            "shape": [1, 1],
            "parameters": {"content_type": "str"},
            "data": [ANSWER["prediction"]],
        },
    ],
}

BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
"""The JSON of a request or response, and after it tensors as raw little-endian bytes."""


SERVER = {"application/json": {"schema": {"type": "object", "required": ["name", "version", "extensions"]}}}


def schemas(optional: frozenset[str]) -> dict[str, Any]:
    """Every schema; that of the inputs names the fields of ``optional``, which may be missing."""
    if not optional:
        return SCHEMAS
    result = deepcopy(SCHEMAS)
    result["InferenceRequest"]["properties"]["inputs"]["description"] += (
        f"; NaN is a missing value in {', '.join(sorted(optional))}, whose tensors may also be left out"
    )
    return result


def flag(name: str) -> dict[str, Any]:
    """The JSON of a probe."""
    schema = {"type": "object", "required": [name], "properties": {name: {"const": True}}}
    return {"application/json": {"schema": schema}}


def paths() -> dict[str, Any]:
    """Every operation by its path."""
    result = {
        "/v2": get("The server's name, version and extensions", "v2", ok(SERVER)),
        "/v2/health/live": get("Whether the process is alive", "v2_live", ok(flag("live"))),
        "/v2/health/ready": get(
            "Whether the service is ready to forecast", "v2_ready", {**ok(flag("ready")), "503": problem(503)}
        ),
    }
    for path, suffix, parameters in (
        (MODEL, "", []),
        (f"{MODEL}/versions/{{version}}", "_version", [VERSION_PARAMETER]),
    ):
        missing = {"404": problem(404)} if parameters else {}
        operations = {
            path: get(
                "The model's tensors", f"v2_model{suffix}", {**ok(json_content("ModelMetadata")), **missing}
            ),
            f"{path}/ready": get(
                "Whether the model is ready to forecast",
                f"v2_model_ready{suffix}",
                {**ok(flag("ready")), **missing, "503": problem(503)},
            ),
            f"{path}/infer": infer(f"v2_infer{suffix}", missing),
        }
        for operation in operations.values():
            for method in operation.values():
                method["parameters"] = [*parameters, *method.get("parameters", [])]
        result |= operations
    return result


def get(summary: str, operation: str, responses: dict[str, Any]) -> dict[str, Any]:
    """A GET operation."""
    return {"get": {"summary": summary, "operationId": operation, "tags": [TAG], "responses": responses}}


def infer(operation: str, missing: dict[str, Any]) -> dict[str, Any]:
    """The POST operation."""
    body = {**json_content("InferenceRequest", REQUEST_EXAMPLE), **BINARY}
    answer = {**json_content("InferenceResponse", RESPONSE_EXAMPLE), **BINARY}
    return {
        "post": {
            "summary": f"Forecast from 1 to {MAX_ROWS:,} observations as tensors",
            "operationId": operation,
            "tags": [TAG],
            "parameters": [LENGTH_HEADER],
            "requestBody": {"required": True, "content": body},
            "responses": {**post_responses(ENDPOINTS[INFER], answer), **missing},
        }
    }
