"""From the model store to a classifier that is known to be the one that was trained."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import bentoml

from weather.contract.names import COMPILED_FILE
from weather.model.classifier import Classifier, golden_faults


class NotServable(RuntimeError):
    """What the store holds must not be served; the message says why."""


def load(scaler: bentoml.Model, classifier: bentoml.Model) -> Classifier:
    """The classifier, after its files, its scaler and its golden rows have been checked.

    Raises:
        NotServable: a file differs from its SHA-256, the two models don't belong together, or a
            golden row comes out otherwise than at training.
    """
    metadata: dict[str, Any] = classifier.info.metadata
    for name, digest in metadata["sha256"].items():
        if hashlib.sha256(Path(classifier.path_of(name)).read_bytes()).hexdigest() != digest:
            raise NotServable(f"{name} in {classifier.tag} has changed since it was imported")
    if metadata["scaler"] != str(scaler.tag):
        raise NotServable(
            f"{classifier.tag} was imported with {metadata['scaler']}, not {scaler.tag}; "
            "import the pair again"
        )
    loaded = Classifier(Path(classifier.path_of(COMPILED_FILE)).read_bytes())
    faults = golden_faults(loaded, metadata.get("manifest", {}).get("golden", ()))
    if faults:
        raise NotServable("the model does not answer as it did when it was trained: " + "; ".join(faults))
    return loaded
