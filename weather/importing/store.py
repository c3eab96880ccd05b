"""Writes scalers and classifiers to the BentoML model store, versioned by hashes of their contents."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import Flag, auto
from pathlib import Path
from tempfile import TemporaryDirectory

import bentoml
from bentoml._internal.models import ModelStore

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
from weather.importing.compiling.compiler import Compiled
from weather.importing.latest import IMPORTED, Pair, latest_pair, make_latest, store_path, stored
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.files import sha256
from weather.importing.reading.scaler import IDENTITY


@dataclass(frozen=True)
class Imported:
    """The result of an import: the tags of the pair in the store, its manifest and its compiled graph.

    ``new`` is False if the store had the pair already. ``repaired`` is True if files of it had changed or
    were missing, and were written again. ``latest`` is the latest pair after the import.
    """

    scaler: bentoml.Tag
    classifier: bentoml.Tag
    new: bool
    repaired: bool
    latest: Pair
    manifest: Manifest | None
    compiled: Compiled


def import_pair(artifacts: Artifacts, compiled: Compiled, keep_latest: bool = False) -> Imported:
    """Add a pair and its compiled graph to the store, and make it the latest.

    With ``keep_latest``, the latest pair does not change if there is one. Versions are hashes of the
    contents: importing a pair twice adds nothing, and importing an older pair again makes it the latest
    again. If the model scales its input itself, the scaler is the identity, and its version begins with
    ``identity``.
    """
    scaler_json = (compiled.scaler or IDENTITY).to_json()
    manifest = artifacts.manifest.model_dump_json(indent=1) if artifacts.manifest else ""
    version = sha256(scaler_json.encode())[:16]
    scaler = bentoml.Tag(SCALER, version if compiled.scaler else f"identity-{version[:8]}")
    content = [sha256(artifacts.model), compiled.digest, str(scaler), manifest]
    if artifacts.card.files:  # without a card, versions are the same as before cards were stored
        content.append(artifacts.card.digest)
    classifier = bentoml.Tag(CLASSIFIER, sha256("\n".join(content).encode())[:16])
    state = _add(scaler, {SCALER_JSON: scaler_json.encode()}, {})
    card = artifacts.card.files
    files = {MODEL_FILE: artifacts.model, COMPILED_FILE: compiled.model}
    if manifest:
        files[MANIFEST_FILE] = manifest.encode()
    metadata = {
        "scaler": str(scaler),
        "calibrated": compiled.calibrated,
        "sha256": {name: sha256(data) for name, data in files.items()},
        # Not among the digests above: a changed card is not shown, but its model is still served.
        **({"card": {name: sha256(data) for name, data in card.items()}} if card else {}),
    }
    files |= {f"{CARD_FOLDER}/{name}": data for name, data in card.items()}
    state |= _add(classifier, files, metadata)
    new, repaired = State.NEW in state, State.REPAIRED in state
    latest = latest_pair()
    if latest is None or not keep_latest:
        latest = Pair(str(scaler), str(classifier))
        make_latest(latest, IMPORTED)
    return Imported(scaler, classifier, new, repaired, latest, artifacts.manifest, compiled)


class State(Flag):
    """The effect of an import on one model of the store."""

    UNCHANGED = 0
    NEW = auto()
    REPAIRED = auto()


def _add(tag: bentoml.Tag, files: dict[str, bytes], metadata: dict[str, object]) -> State:
    """Add a model with these files to the store, or repair it."""
    existing = stored(str(tag))
    if existing is not None and _holds(existing, files, metadata):
        return State.UNCHANGED
    final = store_path() / tag.path()
    state = State.REPAIRED if final.exists() else State.NEW
    store_path().mkdir(parents=True, exist_ok=True)
    # Created in a temporary store and moved here: created here, BentoML would make it the latest at once.
    with TemporaryDirectory(dir=store_path().parent, prefix="import-") as temporary:
        with bentoml.models.create(
            tag, module="weather", metadata=metadata, _model_store=ModelStore(temporary)
        ) as model:
            for name, data in files.items():
                path = Path(model.path_of(name))
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
        final.parent.mkdir(exist_ok=True)
        if state is State.REPAIRED:
            shutil.move(final, Path(temporary) / "broken")
        shutil.move(Path(temporary) / tag.path(), final)
    return state


def _holds(model: bentoml.Model, files: dict[str, bytes], metadata: dict[str, object]) -> bool:
    """Whether the model in the store has these files and this metadata."""
    try:
        same = all(Path(model.path_of(name)).read_bytes() == data for name, data in files.items())
    except OSError:
        return False
    return same and model.info.metadata == metadata
