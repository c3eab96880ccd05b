"""Reads the pair to import: a scaler, a classifier and the manifest beside them.

``model-scaler.pkl`` and ``svc.onnx`` have the form of the old system's files. The manifest is written by
``train_import.py train`` and is optional: artifacts of another origin are imported without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from weather.contract.manifest import Manifest
from weather.contract.names import MANIFEST_FILE
from weather.contract.variables import FEATURES
from weather.importing.errors import BadArtifact
from weather.importing.reading.card_files import NO_CARD, Card, read_card
from weather.importing.reading.files import read_bytes, sha256
from weather.importing.reading.hints import NO_HINTS, Hints
from weather.importing.reading.onnx_file import MAX_BYTES, read_model
from weather.importing.reading.scaler import Scaler, read_scaler


@dataclass(frozen=True)
class Artifacts:
    """A scaler and a classifier that belong together, with their manifest, their card and the user's hints.

    Each file has been read and checked by itself. ``scaler`` is None if the model scales its input.
    """

    scaler: Scaler | None
    model: bytes
    manifest: Manifest | None
    card: Card = NO_CARD
    hints: Hints = NO_HINTS


def read(scaler: Path | None, model: Path, hints: Hints = NO_HINTS) -> Artifacts:
    """Read a pair of files, and the manifest and the card beside the model if they describe this pair.

    Raises:
        BadArtifact: a file is missing, truncated, too large, dangerous or of another kind, or its SHA-256 is
            not the one in the manifest.
    """
    if scaler is None:
        return Artifacts(None, read_model(model), None, hints=hints)
    manifest = None
    digests = [sha256(read_bytes(path, MAX_BYTES)) for path in (scaler, model)]
    beside = model.parent / MANIFEST_FILE
    if beside.exists() and scaler.parent == model.parent:
        try:
            manifest = Manifest.model_validate_json(read_bytes(beside, MAX_BYTES))
        except ValidationError as error:
            raise BadArtifact(f"{beside} is not a manifest: {error.errors()[0]['msg']}") from error
        unknown = {*(feature.name for feature in manifest.features), *manifest.optional} - {*FEATURES}
        if unknown:
            raise BadArtifact(f"{beside} has {min(unknown)}, which is none of {', '.join(FEATURES)}")
        for path, digest in zip((scaler, model), digests, strict=True):
            if manifest.sha256.get(path.name) != digest:
                raise BadArtifact(
                    f"{path} is not the file that {beside} describes (SHA-256 differs); "
                    "train again, or remove the manifest to import the files without it"
                )
    card = read_card(model.parent, digests)
    return Artifacts(read_scaler(scaler), read_model(model), manifest, card, hints)
