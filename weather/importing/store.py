"""The BentoML model store: two content-versioned models, scaler and classifier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Flag, auto
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException, NotFound
from yaml import YAMLError

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
from weather.importing.artifacts import Artifacts
from weather.importing.compiler import Compiled
from weather.importing.files import sha256
from weather.importing.scaler import IDENTITY


@dataclass(frozen=True)
class Imported:
    """The tags of a pair in the store, and what is known of it.

    ``new`` is false for a pair that was there already; ``repaired`` is true if its files had changed or
    were missing, and were written again.
    """

    scaler: bentoml.Tag
    classifier: bentoml.Tag
    new: bool
    repaired: bool
    manifest: Manifest | None
    compiled: Compiled


def import_pair(artifacts: Artifacts, compiled: Compiled) -> Imported:
    """Put a pair and its compiled graph into the store and make it the latest.

    The versions are made of the contents, so importing twice adds nothing; importing an older
    pair again makes it the latest again. Where the model scales its input itself, the scaler is the
    identity, and its version says so.
    """
    scaler_json = (compiled.scaler or IDENTITY).to_json()
    manifest = artifacts.manifest.model_dump_json(indent=1) if artifacts.manifest else ""
    version = sha256(scaler_json.encode())[:16]
    scaler = bentoml.Tag(SCALER, version if compiled.scaler else f"identity-{version[:8]}")
    content = [sha256(artifacts.model), compiled.digest, str(scaler), manifest]
    if artifacts.card.files:  # without one the version is what it was before cards were kept
        content.append(artifacts.card.digest)
    classifier = bentoml.Tag(CLASSIFIER, sha256("\n".join(content).encode())[:16])
    state = _keep(scaler, {SCALER_JSON: scaler_json.encode()}, {})
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
    state |= _keep(classifier, files, metadata)
    new, repaired = State.NEW in state, State.REPAIRED in state
    return Imported(scaler, classifier, new, repaired, artifacts.manifest, compiled)


def latest_pair() -> tuple[str, str] | None:
    """The tags of the latest scaler and classifier; None when the store lacks either or can't read it."""
    scaler, classifier = _stored(f"{SCALER}:latest"), _stored(f"{CLASSIFIER}:latest")
    return (str(scaler.tag), str(classifier.tag)) if scaler and classifier else None


class State(Flag):
    """What became of a model that was to be kept."""

    UNCHANGED = 0
    NEW = auto()
    REPAIRED = auto()


def _keep(tag: bentoml.Tag, files: dict[str, bytes], metadata: dict[str, object]) -> State:
    """Have the model in the store, with these files, as the latest."""
    stored = _stored(str(tag))
    intact = stored is not None and _holds(stored, files, metadata)
    latest = _stored(f"{tag.name}:latest")
    if intact and latest is not None and latest.tag == tag:
        return State.UNCHANGED
    state = State.UNCHANGED if intact else State.REPAIRED
    try:  # creating it again is the public way to make a version the latest
        bentoml.models.delete(tag)
    except NotFound:
        state = State.NEW
    with bentoml.models.create(tag, module="weather", metadata=metadata) as model:
        for name, data in files.items():
            path = Path(model.path_of(name))
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return state


def _stored(tag: str) -> bentoml.Model | None:
    """The model in the store; None if there is none, or its model.yaml can't be read."""
    try:
        return bentoml.models.get(tag)
    except (BentoMLException, YAMLError):
        return None


def _holds(model: bentoml.Model, files: dict[str, bytes], metadata: dict[str, object]) -> bool:
    """Whether the model in the store has these files and this metadata."""
    try:
        same = all(Path(model.path_of(name)).read_bytes() == data for name, data in files.items())
    except OSError:
        return False
    return same and model.info.metadata == metadata
