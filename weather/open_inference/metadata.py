"""What the protocol tells of the server and of its model."""

from __future__ import annotations

from typing import Any

from weather.contract.faults import accepted
from weather.contract.variables import FEATURES, VARIABLES
from weather.open_inference.inputs import MATRIX
from weather.open_inference.outputs import DATATYPES, names

PLATFORM = "onnx_onnxv1"

DATATYPE = "FP64"
"""Declared for every input, because it keeps what JSON's numbers have; the others are accepted too."""


def server(name: str, version: str) -> dict[str, Any]:
    """Of the server."""
    return {"name": name, "version": version, "extensions": ["binary_tensor_data"]}


def model(name: str, version: str, calibrated: bool) -> dict[str, Any]:
    """Of the model: a tensor a field, and in ``properties`` what a field means."""
    return {
        "name": name,
        "versions": [version],
        "platform": PLATFORM,
        "inputs": [{"name": field, "datatype": DATATYPE, "shape": [-1, 1]} for field in FEATURES],
        "outputs": [
            {"name": output, "datatype": DATATYPES[output], "shape": [-1, 1]} for output in names(calibrated)
        ],
        "properties": {
            **{field: meaning(field) for field in FEATURES},
            MATRIX: f"instead of these, one tensor of shape [-1, {len(FEATURES)}], its columns in this order",
        },
    }


def meaning(field: str) -> str:
    """A field's description, unit and accepted range."""
    return f"{VARIABLES[field].description}: {accepted(field)}"
