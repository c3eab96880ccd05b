"""Artifacts made by their own libraries (``make test-artifacts``): each is served as its library answers,
on 2,000 real hours, or refused for the documented reason.
"""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.importing.artifacts import read
from weather.importing.compiler import Compiled, compile_pair
from weather.importing.errors import BadArtifact
from weather.importing.hints import Hints
from weather.importing.reference import compare
from weather.model.classifier import Classifier

CASES = sorted(Path(os.environ["CASES"]).iterdir()) if "CASES" in os.environ else []

pytestmark = pytest.mark.skipif(not CASES, reason="make test-artifacts makes the cases")

TIE = 1e-5
"""Rows this near to one half are a tie, which the last bit of a sum decides."""


def compiled(folder: Path, case: dict[str, Any]) -> Compiled:
    said = case["options"]
    scaler = None if said.get("scaler") == "none" else folder / "scaler.pkl"
    hints = Hints(said.get("rain_label"), said.get("logit", False), said.get("input"))
    return compile_pair(read(scaler, folder / "model.onnx", hints))


def known(folder: Path, name: str) -> NDArray[Any] | None:
    return np.load(folder / f"{name}.npy") if (folder / f"{name}.npy").exists() else None


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_it_is_served_as_its_library_answers_or_refused(folder: Path, tmp_path: Path) -> None:
    case = json.loads((folder / "case.json").read_text())
    if case["refused"]:
        with pytest.raises(BadArtifact, match=case["refused"]):
            compiled(folder, case)
        return
    served = compiled(folder, case)
    assert re.search(case["remark"], "\n".join(served.lines)), served.lines
    rows, label, expected = np.load(folder / "x.npy"), known(folder, "label"), known(folder, "prob")
    assert label is not None
    rain, probability = Classifier(served.model)(rows)
    tie = np.zeros(len(rows), bool) if expected is None else np.abs(expected - 0.5) < TIE
    assert not ((rain != label) & ~tie).any()
    if case["converter"]:  # only the user's own answers can show that
        reference = tmp_path / "reference.csv"
        write(reference, rows, label, expected)
        with pytest.raises(BadArtifact, match=case["converter"]):
            compare(served, reference)
    elif expected is not None:
        assert probability is not None
        np.testing.assert_allclose(probability, expected, rtol=0, atol=case["tolerance"])


def write(path: Path, rows: NDArray[np.float64], label: NDArray[Any], chance: NDArray[Any] | None) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*FEATURES, "label", *([] if chance is None else ["probability"])])
        for index, row in enumerate(rows.tolist()):
            more = [] if chance is None else [float(chance[index])]
            writer.writerow([*row, int(label[index]), *more])
