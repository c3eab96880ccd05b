"""From the model store to a classifier that has been checked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import bentoml

from weather.contract.names import COMPILED_FILE
from weather.contract.optional import optional_fields
from weather.model.classifier import Classifier, golden_faults


class NotServable(RuntimeError):
    """The models in the store must not be served; the message says why."""


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
            raise NotServable(
                f"{name} in {classifier.tag} can't be read ({error.strerror}): import the pair again"
            ) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise NotServable(
                f"{name} in {classifier.tag} has changed since it was imported: import the pair again"
            )
    if metadata["scaler"] != str(scaler.tag):
        raise NotServable(
            f"{classifier.tag} was imported with {metadata['scaler']}, not {scaler.tag}; "
            "import the pair again"
        )
    loaded = Classifier(Path(classifier.path_of(COMPILED_FILE)).read_bytes())
    golden = metadata.get("manifest", {}).get("golden", ())
    faults = golden_faults(loaded, golden, optional_fields(metadata))
    if faults:
        raise NotServable("the model's forecasts differ from those at training: " + "; ".join(faults))
    return loaded
