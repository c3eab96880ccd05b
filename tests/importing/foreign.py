"""A case of foreign artifacts in a folder, as tests/producers writes them, and what must come of it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.importing.compiling.compiler import Compiled, compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import read
from weather.importing.reading.hints import Hints
from weather.importing.reference import compare
from weather.model.classifier import Classifier

TIE = 1e-5
"""Rows whose probability is this near to one half are a tie, which the last bit of a sum decides."""


def check(folder: Path, rows: NDArray[np.float64], scratch: Path) -> None:
    """The case is served as its library answered, or refused for the reason that it says."""
    case = json.loads((folder / "case.json").read_text())
    if case["refused"]:
        with pytest.raises(BadArtifact, match=case["refused"]):
            compiled(folder, case["options"])
        return
    served = compiled(folder, case["options"])
    assert re.search(case["remark"], "\n".join(served.lines)), served.lines
    label, expected = known(folder, "label"), known(folder, "prob")
    assert label is not None
    if case["converter"]:  # only the user's own answers can show that
        reference = scratch / "reference.csv"
        write_reference(reference, rows, label, expected)
        with pytest.raises(BadArtifact, match=case["converter"]):
            compare(served, reference)
        return
    written = known(folder, "written")
    if written is not None:
        assert expected is not None
        otherwise = np.abs(written - expected) > case["tolerance"]
        assert otherwise.mean() <= case["otherwise"]
        if otherwise.any():
            reference = scratch / "reference.csv"
            write_reference(reference, rows, label, expected)
            with pytest.raises(BadArtifact, match="apart"):
                compare(served, reference)
        expected = np.where(otherwise, written, expected)
        label = np.where(otherwise, written > 0.5, label)
    rain, probability = Classifier(served.model)(rows)
    tie = np.zeros(len(rows), bool) if expected is None else np.abs(expected - 0.5) < TIE
    assert not ((rain != label) & ~tie).any()
    if expected is not None:
        assert probability is not None
        np.testing.assert_allclose(probability, expected, rtol=0, atol=case["tolerance"])


def compiled(folder: Path, options: dict[str, Any]) -> Compiled:
    scaler = None if options.get("scaler") == "none" else folder / "scaler.pkl"
    hints = Hints(options.get("rain_label"), options.get("logit", False), options.get("input"))
    return compile_pair(read(scaler, folder / "model.onnx", hints))


def known(folder: Path, name: str) -> NDArray[Any] | None:
    return np.load(folder / f"{name}.npy") if (folder / f"{name}.npy").exists() else None


def write_reference(
    path: Path, rows: NDArray[np.float64], label: NDArray[Any], chance: NDArray[Any] | None
) -> None:
    """A user's own file: observations, labels, probabilities."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*FEATURES, "label", *([] if chance is None else ["probability"])])
        for index, row in enumerate(rows.tolist()):
            more = [] if chance is None else [float(chance[index])]
            writer.writerow([*row, int(label[index]), *more])
