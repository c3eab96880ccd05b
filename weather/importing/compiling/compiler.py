"""Scaler and imported classifier as one ONNX graph, understood and checked.

The import side needs the ``onnx`` package; serving loads the finished graph without.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.importing.compiling.joining import Joint
from weather.importing.compiling.lifting import lifted
from weather.importing.compiling.svm import approximate
from weather.importing.compiling.variants import EXACT, chosen
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.files import sha256
from weather.importing.reading.hints import Takes
from weather.importing.reading.onnx_file import parsed
from weather.importing.reading.scaler import Scaler
from weather.importing.understanding.checking import Answers, check_rows_alone, difference
from weather.importing.understanding.meaning import meaning
from weather.importing.understanding.original import Original, read_original
from weather.importing.understanding.outputs import Outputs
from weather.importing.understanding.probes import UNIFORM, probe_rows, typical_scaler
from weather.importing.understanding.roles import Roles, roles
from weather.importing.understanding.scaling import Verdict, who_scales
from weather.importing.understanding.summary import Understanding
from weather.importing.understanding.trees import scaled_in_float32, with_float32_trees

ALONE = 24
"""Rows that are also run one by one."""

LIFTED = 0.98
"""Part of the rows between thresholds on which a graph must answer the same once it scales in float64."""


@dataclass(frozen=True)
class Compiled:
    """The finished graph: ``observations`` float64[n, 7] (float32 where it takes that) -> ``rain``
    bool[n] and, where the model has one, ``probability`` float32[n]. ``scaler`` is what it scales by,
    None if the classifier's graph does that itself. ``notes`` say what was rewritten and what was not,
    ``lines`` and ``facts`` what was understood.
    """

    model: bytes
    scaler: Scaler | None
    calibrated: bool
    notes: tuple[str, ...]
    lines: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the graph."""
        return sha256(self.model)


# A damaged model has infinite numbers; what becomes of them is found by the comparisons, where NaN is wrong.
@np.errstate(all="ignore")
def compile_pair(artifacts: Artifacts) -> Compiled:
    """One graph from a scaler and a classifier, checked against ONNX Runtime on the original.

    Raises:
        BadArtifact: the model is not ONNX, does not fit the scaler or the service, or it can't be told
            what it takes or answers.
    """
    scaler = artifacts.scaler or typical_scaler()
    probe = probe_rows(scaler, artifacts.manifest, parsed(artifacts.model))
    original = read_original(artifacts.model, scaler.transform(probe))
    order = original.inputs.order or scaler.order
    places = [FEATURES.index(name) for name in order]
    fed: dict[Takes, NDArray[np.float64]] = {
        "raw": probe[:, places],
        "scaled": scaler.transform(probe)[:, places],
    }
    output_roles = roles(original.names, [original.run(rows) for rows in fed.values()])
    verdict = _verdict(original, output_roles, artifacts.scaler, order, artifacts.hints.takes)
    rows = fed[verdict.takes or "scaled"]
    arrays = original.run(rows)
    outputs = meaning(original, output_roles, arrays, artifacts.hints)
    check_rows_alone(original, outputs, rows[:: max(1, len(rows) // ALONE)])
    remarks = [*(artifacts.scaler.remarks if artifacts.scaler else ()), *original.remarks, *outputs.remarks]
    source = original
    trees = with_float32_trees(original.model, original.inputs)
    if trees is not None:
        source = replace(original, model=trees)
        remarks.append("its trees compare float32 values, as their thresholds are, and not float64")
    elif verdict.takes == "raw":
        if artifacts.scaler is not None:
            source = _lifted(original, artifacts.scaler, outputs, rows)
        if source is not original:
            remarks.append("its own scaling is done in float64, as the scaler does it, not in float32")
        elif scaled_in_float32(original.model, original.inputs):
            remarks.append(
                "its trees compare values that it computes in float32, and its library in float64: a row "
                "on a threshold may take another branch. Give its StandardScaler, if it has one, with "
                "--scaler, or prove the answers with --check"
            )
    expected = Answers(*outputs.answers(source.run(rows)))
    joint = Joint(scaler if verdict.takes == "scaled" else None, order, source.inputs, outputs)
    golden = artifacts.manifest is not None and bool(artifacts.manifest.golden)
    variant, answers = chosen(source.model, joint, probe, expected, golden)
    label = outputs.label.is_rain(arrays) if outputs.label else expected.rain
    plain = Answers(label, outputs.answers(arrays)[1])
    if expected.rain.all() or not expected.rain.any():
        remarks.append(f"WARNING: it gives the same label for all of {len(probe):,} rows")
    apart = difference(answers, plain, EXACT)
    understanding = Understanding(
        verdict, outputs, apart, expected.threshold, approximate(original.model), tuple(remarks)
    )
    return Compiled(
        variant.graph(),
        joint.scaler,
        outputs.probability,
        variant.notes,
        tuple(understanding.lines()),
        understanding.facts(),
    )


def _verdict(
    original: Original,
    output_roles: Roles,
    scaler: Scaler | None,
    order: tuple[str, ...],
    takes: Takes | None,
) -> Verdict:
    """What the graph takes: as the user says, else as it shows.

    Raises:
        BadArtifact: it can't be told, or there is no scaler for a graph that needs one.
    """
    if takes is not None:
        return Verdict(takes, "so it was said with --input")
    verdict = who_scales(original, output_roles, scaler or typical_scaler(), order)
    if scaler is None:
        if verdict.takes == "scaled" and verdict.sure:
            raise BadArtifact(
                f"the model has no scaler of its own ({verdict.reason}): give the scaler that it was trained "
                "with, --scaler FILE, or say --input raw if it takes observations as they come"
            )
        return Verdict("raw", "there is no other scaler")
    if verdict.takes is None:
        raise BadArtifact(
            f"it can't be told whether the model scales its input itself ({verdict.reason}): say --input "
            "scaled if it was trained on what the scaler gives, or --input raw (or --scaler none) if it "
            "holds a scaler"
        )
    return verdict


def _lifted(original: Original, scaler: Scaler, outputs: Outputs, rows: NDArray[np.float64]) -> Original:
    """The graph with its own scaling in float64, where that is the scaler's; else the graph as it is."""
    result = lifted(original.model, original.inputs, scaler)
    if result is None:
        return original
    candidate = replace(original, model=result[0], inputs=result[1])
    between = rows[:UNIFORM]  # values that were not rounded lie on no threshold
    before = Answers(*outputs.answers(original.run(between)))
    after = Answers(*outputs.answers(candidate.run(between)))
    same = before.rain == after.rain
    if before.score is not None and after.score is not None:
        same &= np.abs(before.score - after.score) < EXACT
    if same.mean() < LIFTED:
        return original
    return candidate
