"""The BentoML model store: two content-versioned models, scaler and classifier."""

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
    """The tags of a pair in the store, and what is known of it.

    ``new`` is false for a pair that was there already; ``repaired`` is true if its files had changed or
    were missing, and were written again; ``latest`` is the latest pair now.
    """

    scaler: bentoml.Tag
    classifier: bentoml.Tag
    new: bool
    repaired: bool
    latest: Pair
    manifest: Manifest | None
    compiled: Compiled


def import_pair(artifacts: Artifacts, compiled: Compiled, keep_latest: bool = False) -> Imported:
    """Put a pair and its compiled graph into the store and make it the latest.

    With ``keep_latest`` the latest stays what it is, if there is one. The versions are made of the contents,
    so importing twice adds nothing; importing an older pair again makes it the latest again. Where the model
    scales its input itself, the scaler is the identity, and its version says so.
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
        # Apart from the digests above: a card that was changed is not shown, but forecasts go on.
        **({"card": {name: sha256(data) for name, data in card.items()}} if card else {}),
    }
    files |= {f"{CARD_FOLDER}/{name}": data for name, data in card.items()}
    state |= _keep(classifier, files, metadata)
    new, repaired = State.NEW in state, State.REPAIRED in state
    latest = latest_pair()
    if latest is None or not keep_latest:
        latest = Pair(str(scaler), str(classifier))
        make_latest(latest, IMPORTED)
    return Imported(scaler, classifier, new, repaired, latest, artifacts.manifest, compiled)


class State(Flag):
    """What became of a model that was to be kept."""

    UNCHANGED = 0
    NEW = auto()
    REPAIRED = auto()


def _keep(tag: bentoml.Tag, files: dict[str, bytes], metadata: dict[str, object]) -> State:
    """Have the model in the store, with these files."""
    there = stored(str(tag))
    if there is not None and _holds(there, files, metadata):
        return State.UNCHANGED
    final = store_path() / tag.path()
    state = State.REPAIRED if final.exists() else State.NEW
    store_path().mkdir(parents=True, exist_ok=True)
    # Made in a store beside this one and moved whole: in this one, BentoML would make it the latest at once.
    with TemporaryDirectory(dir=store_path().parent, prefix="import-") as beside:
        with bentoml.models.create(
            tag, module="weather", metadata=metadata, _model_store=ModelStore(beside)
        ) as model:
            for name, data in files.items():
                path = Path(model.path_of(name))
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
        final.parent.mkdir(exist_ok=True)
        if state is State.REPAIRED:
            shutil.move(final, Path(beside) / "broken")
        shutil.move(Path(beside) / tag.path(), final)
    return state


def _holds(model: bentoml.Model, files: dict[str, bytes], metadata: dict[str, object]) -> bool:
    """Whether the model in the store has these files and this metadata."""
    try:
        same = all(Path(model.path_of(name)).read_bytes() == data for name, data in files.items())
    except OSError:
        return False
    return same and model.info.metadata == metadata
