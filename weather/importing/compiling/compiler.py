"""Compiles a scaler and an imported classifier into one ONNX graph and checks it against the original.

Importing needs the ``onnx`` package; serving loads the compiled graph without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.importing.compiling.joining import Joint
from weather.importing.compiling.lifting import with_float64_scaling
from weather.importing.compiling.svm import approximate
from weather.importing.compiling.variants import PROBABILITY_TOLERANCE, select_variant
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.importing.reading.files import sha256
from weather.importing.reading.hints import InputKind
from weather.importing.reading.onnx_file import parsed
from weather.importing.reading.scaler import Scaler
from weather.importing.understanding.checking import Answers, check_batch_independence, difference
from weather.importing.understanding.meaning import meaning
from weather.importing.understanding.original import Original, read_original
from weather.importing.understanding.outputs import Outputs
from weather.importing.understanding.probes import UNIFORM_ROWS, probe_rows, typical_scaler
from weather.importing.understanding.roles import Roles, roles
from weather.importing.understanding.scaling import Verdict, detect_input_kind
from weather.importing.understanding.summary import Understanding
from weather.importing.understanding.trees import scaled_in_float32, with_float32_trees

SINGLE_ROWS = 24
"""Number of rows that are also run one by one."""

MIN_UNCHANGED = 0.98
"""Minimum share of rows away from thresholds whose result must not change when scaling moves to float64."""


@dataclass(frozen=True)
class Compiled:
    """The finished graph: ``observations`` float64[n, 7] (float32 where it takes that) -> ``rain``
    bool[n] and, if the model has one, ``probability`` float32[n]. ``scaler`` is None if the classifier's
    graph scales its input itself. ``notes`` list what was rewritten and what was not; ``lines`` and ``facts``
    describe how the model was interpreted.
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


# A damaged model may contain infinities. The comparisons below reject their results: NaN counts as a fault.
@np.errstate(all="ignore")
def compile_pair(artifacts: Artifacts) -> Compiled:
    """Compile a scaler and a classifier into one graph, checked against ONNX Runtime on the original.

    Raises:
        BadArtifact: the model is not ONNX, does not fit the scaler or the service, or its input or
            outputs are ambiguous.
    """
    scaler = artifacts.scaler or typical_scaler()
    probe = probe_rows(scaler, artifacts.manifest, parsed(artifacts.model))
    original = read_original(artifacts.model, scaler.transform(probe))
    order = original.inputs.order or scaler.order
    places = [FEATURES.index(name) for name in order]
    fed: dict[InputKind, NDArray[np.float64]] = {
        "raw": probe[:, places],
        "scaled": scaler.transform(probe)[:, places],
    }
    output_roles = roles(original.names, [original.run(rows) for rows in fed.values()])
    verdict = _resolve_input_kind(original, output_roles, artifacts.scaler, order, artifacts.hints.input_kind)
    rows = fed[verdict.input_kind or "scaled"]
    arrays = original.run(rows)
    outputs = meaning(original, output_roles, arrays, artifacts.hints)
    check_batch_independence(original, outputs, rows[:: max(1, len(rows) // SINGLE_ROWS)])
    remarks = [*(artifacts.scaler.remarks if artifacts.scaler else ()), *original.remarks, *outputs.remarks]
    source = original
    trees = with_float32_trees(original.model, original.inputs)
    if trees is not None:
        source = replace(original, model=trees)
        remarks.append("its trees compare values in float32, the type of their thresholds, not in float64")
    elif verdict.input_kind == "raw":
        if artifacts.scaler is not None:
            source = _try_float64_scaling(original, artifacts.scaler, outputs, rows)
        if source is not original:
            remarks.append("its own scaling is computed in float64, as in the scaler, not in float32")
        elif scaled_in_float32(original.model, original.inputs):
            remarks.append(
                "its trees compare values that it computes in float32, but its library computes them in "
                "float64: a row on a threshold may take another branch. Give its StandardScaler, if it has "
                "one, with --scaler, or verify its predictions with --check"
            )
    expected = Answers(*outputs.answers(source.run(rows)))
    joint = Joint(scaler if verdict.input_kind == "scaled" else None, order, source.inputs, outputs)
    golden = artifacts.manifest is not None and bool(artifacts.manifest.golden)
    variant, answers = select_variant(source.model, joint, probe, expected, golden)
    label = outputs.label.is_rain(arrays) if outputs.label else expected.rain
    plain = Answers(label, outputs.answers(arrays)[1])
    if expected.rain.all() or not expected.rain.any():
        remarks.append(f"WARNING: the model gives the same label for all {len(probe):,} rows")
    apart = difference(answers, plain, PROBABILITY_TOLERANCE)
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


def _resolve_input_kind(
    original: Original,
    output_roles: Roles,
    scaler: Scaler | None,
    order: tuple[str, ...],
    input_kind: InputKind | None,
) -> Verdict:
    """The kind of input that the graph expects: the one the user states, else the detected one.

    Raises:
        BadArtifact: the kind is undetermined, or a graph that needs a scaler comes without one.
    """
    if input_kind is not None:
        return Verdict(input_kind, "stated with --input")
    verdict = detect_input_kind(original, output_roles, scaler or typical_scaler(), order)
    if scaler is None:
        if verdict.input_kind == "scaled" and verdict.sure:
            raise BadArtifact(
                f"the model has no scaler of its own ({verdict.reason}): give the scaler that it was trained "
                "with, --scaler FILE, or --input raw if it takes unscaled observations"
            )
        return Verdict("raw", "no scaler was given")
    if verdict.input_kind is None:
        raise BadArtifact(
            f"cannot determine whether the model scales its input itself ({verdict.reason}): give --input "
            "scaled if it was trained on scaled rows, or --input raw (or --scaler none) if it contains a "
            "scaler"
        )
    return verdict


def _try_float64_scaling(
    original: Original, scaler: Scaler, outputs: Outputs, rows: NDArray[np.float64]
) -> Original:
    """The graph with its own scaling in float64 if its constants are the scaler's; else the original."""
    result = with_float64_scaling(original.model, original.inputs, scaler)
    if result is None:
        return original
    candidate = replace(original, model=result[0], inputs=result[1])
    between = rows[:UNIFORM_ROWS]  # unrounded values do not lie on thresholds
    before = Answers(*outputs.answers(original.run(between)))
    after = Answers(*outputs.answers(candidate.run(between)))
    same = before.rain == after.rain
    if before.score is not None and after.score is not None:
        same &= np.abs(before.score - after.score) < PROBABILITY_TOLERANCE
    if same.mean() < MIN_UNCHANGED:
        return original
    return candidate
