"""The HTTP API as a page, from the OpenAPI document that the service serves.

It is written here because search must find the page, and because the page must show units, a keyword of our
own: sphinxcontrib-openapi omits unknown keywords, and Swagger UI renders in the browser only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.site.links import PROJECT
from loadtest.tables import markdown_table
from weather.http import openapi

Node = Mapping[str, Any]

INTRO = """# HTTP API

The paths of the forecast service with the committed model and with API keys on. A running service shows its
own at `/docs`. The page is made from <a href="openapi.json">openapi.json</a> (OpenAPI 3.1), which the service
serves under that name. [Clients](clients.md) has examples. All errors have the body
[`Problem`](#body-problem)."""

KEYS = "Requires an API key if the operator has set [API keys](operations.md#api-keys)."


def document() -> dict[str, Any]:
    """The OpenAPI document of a service with API keys and the committed model."""
    manifest = json.loads((PROJECT / "artifacts" / "manifest.json").read_text())
    return openapi.document(keys=True, optional=frozenset(manifest.get("optional", ())))


def pages() -> dict[str, str]:
    """The page's text in Markdown, by its name."""
    described = document()
    by_tag: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            parts = by_tag.setdefault(operation["tags"][0], [])
            parts += [f"### `{method.upper()} {path}`", *operation_text(operation)]
    parts = [INTRO]
    for tag, texts in by_tag.items():
        parts += [f"## {tag}", *texts]
    parts += ["## Bodies"]
    for name, schema in described["components"]["schemas"].items():
        about = schema.get("description", "")
        parts += [f"(body-{name.lower()})=\n### `{name}`", about, table(schema)]
    return {"http-api": "\n\n".join(parts) + "\n"}


def operation_text(operation: Node) -> Iterator[str]:
    """An operation: its summary, parameters, request bodies with examples, and responses."""
    yield f"{operation['summary']}." + (f" {KEYS}" if "security" in operation else "")
    if parameters := operation.get("parameters"):
        rows = [
            [
                f"`{parameter['name']}`",
                parameter["in"],
                type_of(parameter["schema"]),
                parameter["description"],
            ]
            for parameter in parameters
        ]
        yield markdown_table(["parameter", "in", "type", "meaning"], rows)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        about = content["schema"].get("description", "")
        yield f"Body `{media_type}`: {type_of(content['schema'])}{about and f', {about}'}."
        if "example" in content:
            yield example(content["example"])
    responses = operation["responses"]
    yield markdown_table(
        ["status", "meaning", "body", "headers"],
        [response_row(status, responses[status]) for status in sorted(responses)],
    )
    for media_type, content in responses["200"]["content"].items():
        if "properties" in content["schema"]:
            yield f"The answer as `{media_type}`:"
            yield table(content["schema"])


def response_row(status: str, answer: Node) -> list[str]:
    """A row of the table of responses."""
    bodies = [
        f"`{media_type}`: {type_of(content['schema'])}" for media_type, content in answer["content"].items()
    ]
    headers = [f"`{name}`" for name in answer.get("headers", ())]
    return [status, answer["description"], ", ".join(bodies), ", ".join(headers)]


def example(value: object) -> str:
    """An example body in a fenced block, as JSON or, if it is a string, as text."""
    if isinstance(value, str):
        return f"```text\n{value.rstrip()}\n```"
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


def table(schema: Node) -> str:
    """A table of the fields of an object and of the objects within it, without empty columns."""
    header = ["field", "type", "unit", "required", "meaning"]
    rows = list(fields(schema, ""))
    used = [column for column in range(len(header)) if any(row[column] for row in rows)]
    return markdown_table([header[c] for c in used], [[row[c] for c in used] for row in rows])


def fields(schema: Node, prefix: str) -> Iterator[list[str]]:
    """A row for each field; ``prefix`` is the path to the object."""
    for name, field in schema.get("properties", {}).items():
        required = "yes" if name in schema.get("required", ()) else ""
        unit = field.get("unit") or next(
            (part["unit"] for part in field.get("anyOf", ()) if "unit" in part), ""
        )
        yield [f"`{prefix}{name}`", type_of(field), unit, required, field.get("description", "")]
        inner = field.get("items", field)
        yield from fields(inner, f"{prefix}{name}[]." if inner is not field else f"{prefix}{name}.")


def type_of(schema: Node) -> str:
    """The type of a value in words, with its range."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#body-{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(part) for part in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = " or ".join(kinds)
    if "items" in schema:
        words = words.replace("array", f"array of {type_of(schema['items'])}")
    if "minimum" in schema:
        words += f", {schema['minimum']} … {schema.get('maximum', '')}".rstrip()
    return words
