"""The BentoML model store: two content-versioned models, scaler and classifier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import bentoml
from bentoml.exceptions import NotFound

from weather.contract.manifest import Manifest
from weather.contract.names import (
    CARD_FOLDER,
    CLASSIFIER,
    COMPILED_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    SCALER,
    SCALER_JSON,
)
from weather.importing.artifacts import Artifacts, sha256
from weather.importing.compiler import Compiled, compile_pair


@dataclass(frozen=True)
class Imported:
    """The tags of a pair in the store, and what is known of it. ``new`` is false for a pair that
    was there already.
    """

    scaler: bentoml.Tag
    classifier: bentoml.Tag
    new: bool
    manifest: Manifest | None
    compiled: Compiled


def import_pair(artifacts: Artifacts) -> Imported:
    """Put a pair into the store and make it the latest.

    The versions are made of the contents, so importing twice adds nothing; importing an older
    pair again makes it the latest again.

    Raises:
        BadArtifact: the pair does not fit together (see ``compile_pair``).
    """
    compiled = compile_pair(artifacts)
    scaler_json = artifacts.scaler.to_json()
    manifest = artifacts.manifest.model_dump_json(indent=1) if artifacts.manifest else ""
    scaler = bentoml.Tag(SCALER, sha256(scaler_json.encode())[:16])
    content = [sha256(artifacts.model), compiled.digest, str(scaler), manifest]
    if artifacts.card.files:  # without one the version is what it was before cards were kept
        content.append(artifacts.card.digest)
    classifier = bentoml.Tag(CLASSIFIER, sha256("\n".join(content).encode())[:16])
    new_scaler = _keep(scaler, {SCALER_JSON: scaler_json.encode()}, {})
    card = artifacts.card.files
    files = {MODEL_FILE: artifacts.model, COMPILED_FILE: compiled.model}
    if manifest:
        files[MANIFEST_FILE] = manifest.encode()
    metadata = {
        "scaler": str(scaler),
        "calibrated": compiled.calibrated,
        "sha256": {name: sha256(data) for name, data in files.items()},
        **({"manifest": json.loads(manifest)} if manifest else {}),
        # Apart from the digests above: a card that was changed is not shown, but forecasts go on.
        **({"card": {name: sha256(data) for name, data in card.items()}} if card else {}),
    }
    files |= {f"{CARD_FOLDER}/{name}": data for name, data in card.items()}
    new_classifier = _keep(classifier, files, metadata)
    return Imported(scaler, classifier, new_scaler or new_classifier, artifacts.manifest, compiled)


def latest_pair() -> tuple[str, str] | None:
    """The tags of the latest scaler and classifier; None when the store lacks either."""
    try:
        scaler = bentoml.models.get(f"{SCALER}:latest").tag
        return str(scaler), str(bentoml.models.get(f"{CLASSIFIER}:latest").tag)
    except NotFound:
        return None


def _keep(tag: bentoml.Tag, files: dict[str, bytes], metadata: dict[str, object]) -> bool:
    """Create the model unless it is the latest already; True if it was not in the store."""
    known = True
    try:
        bentoml.models.get(tag)
    except NotFound:
        known = False
    if known and bentoml.models.get(f"{tag.name}:latest").tag == tag:
        return False
    if known:  # creating it again is the public way to make a version the latest
        bentoml.models.delete(tag)
    with bentoml.models.create(tag, module="weather", metadata=metadata) as model:
        for name, data in files.items():
            path = Path(model.path_of(name))
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return not known
