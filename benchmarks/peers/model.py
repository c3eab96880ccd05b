"""The committed model, for the peers."""

from __future__ import annotations

import gc
from pathlib import Path

from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read
from weather.model.classifier import Classifier

ARTIFACTS = Path(__file__).parent.parent.parent / "artifacts"


def compiled_classifier() -> Classifier:
    """The compiled graph that our service runs; the heap is frozen after it is loaded."""
    classifier = Classifier(compile_pair(read(ARTIFACTS / SCALER_FILE, ARTIFACTS / MODEL_FILE)).model)
    gc.collect()
    gc.freeze()
    return classifier
