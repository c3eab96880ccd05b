"""From the model store to a classifier that has been checked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import bentoml
from bentoml.exceptions import BentoMLException
from yaml import YAMLError

from weather.contract.names import COMPILED_FILE
from weather.contract.optional import optional_fields
from weather.model.classifier import Classifier, golden_faults
from weather.model.manifest import manifest_of

Reason = Literal["store", "files", "scaler", "golden"]
"""Why a pair is not servable: it is not in the store, or not readable there; a file is missing or has
changed; scaler and classifier are not of one import; the golden rows differ.
"""


class NotServable(RuntimeError):
    """The models in the store must not be served; the message says why, ``reason`` in one word."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        super().__init__(message)


def stored_pair(tag: str) -> tuple[bentoml.Model, bentoml.Model]:
    """The scaler and the classifier of a classifier's tag: the scaler is the one that it was imported with.

    Raises:
        NotServable: the store lacks one of them, or can't read it.
    """
    try:
        classifier = bentoml.models.get(tag)
        return bentoml.models.get(str(classifier.info.metadata["scaler"])), classifier
    except (BentoMLException, YAMLError, OSError, KeyError, TypeError) as error:
        raise NotServable("store", f"{tag} can't be read from the model store: {error}") from error


def load(scaler: bentoml.Model, classifier: bentoml.Model) -> Classifier:
    """The classifier, after checks of its files, its scaler and its golden rows.

    Raises:
        NotServable: a file is missing or differs from its SHA-256, the classifier was imported with
            another scaler, or a golden row's forecast differs from the manifest.
    """
    metadata: dict[str, Any] = classifier.info.metadata
    for name, digest in metadata["sha256"].items():
        try:
            content = Path(classifier.path_of(name)).read_bytes()
        except OSError as error:
            message = f"{name} in {classifier.tag} can't be read ({error.strerror}): import the pair again"
            raise NotServable("files", message) from None
        if hashlib.sha256(content).hexdigest() != digest:
            message = f"{name} in {classifier.tag} has changed since it was imported: import the pair again"
            raise NotServable("files", message)
    if metadata["scaler"] != str(scaler.tag):
        raise NotServable(
            "scaler",
            f"{classifier.tag} was imported with {metadata['scaler']}, not {scaler.tag}; "
            "import the pair again",
        )
    loaded = Classifier(Path(classifier.path_of(COMPILED_FILE)).read_bytes())
    manifest = manifest_of(classifier)
    faults = golden_faults(loaded, manifest.get("golden", ()), optional_fields(manifest))
    if faults:
        message = "the model's forecasts differ from those at training: " + "; ".join(faults)
        raise NotServable("golden", message)
    return loaded
