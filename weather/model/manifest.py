"""The manifest of a classifier in the model store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bentoml

from weather.contract.names import MANIFEST_FILE


def manifest_of(classifier: bentoml.Model) -> dict[str, Any]:
    """The manifest that a classifier was imported with; empty for the artifacts of the old system.

    A file of its own, not part of BentoML's metadata: those are YAML, which is parsed three times at each
    start, and parsing the manifest's took a tenth of the start. Empty, too, if the file is missing or broken;
    ``weather.model.loading.load`` refuses such a classifier.
    """
    metadata: dict[str, Any] = classifier.info.metadata
    if MANIFEST_FILE not in metadata.get("sha256", {}):
        return {}
    try:
        manifest: dict[str, Any] = json.loads(Path(classifier.path_of(MANIFEST_FILE)).read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest
