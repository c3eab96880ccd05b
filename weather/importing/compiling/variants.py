"""Builds variants of the compiled graph and selects the fastest that is exact enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose

from weather.contract.variables import FEATURES
from weather.importing.compiling.fusing import fused
from weather.importing.compiling.joining import PREFIX, Joint, join
from weather.importing.compiling.svm import Fold, approximate, rewrite, unsupported_reason
from weather.importing.errors import BadArtifact
from weather.importing.understanding.checking import Answers, difference
from weather.model.classifier import GOLDEN_TOLERANCE, INPUT, Classifier

PROBABILITY_TOLERANCE = 1e-5
"""Allowed difference of probabilities from those of the most exact variant."""

SCORE_TOLERANCE = 1e-4
"""Allowed difference of scores that are not probabilities; all labels must be equal."""

SVM_TOLERANCE, SVM_PROBABILITY_TOLERANCE = 1e-3, 5e-3
"""The error of ONNX Runtime's SVMClassifier, which sums in float32, class by class. With prob_a (the second
value) it also approximates the probabilities.
"""


@dataclass(frozen=True)
class Variant:
    """A variant of the model, with notes for the user."""

    body: onnx.ModelProto
    joint: Joint
    notes: tuple[str, ...] = ()
    fuse: bool = False

    def graph(self) -> bytes:
        """The graph that is served."""
        return self.joined(self.joint.outputs.probability)

    def joined(self, scored: bool) -> bytes:
        """The joined graph, with the score if ``scored``."""
        graph = join(self.body, self.joint, scored)
        if not self.fuse:
            return graph
        return bytes(fused(onnx.load_from_string(graph)).SerializeToString(deterministic=True))

    def answers(self, rows: NDArray[np.float64]) -> Answers:
        """Its results on float64[n, 7] observations, with scores even if they are not served."""
        rain, score = Classifier(self.joined(self.joint.outputs.score is not None))(rows)
        return Answers(rain, None if score is None else score.astype(np.float64))


def select_variant(
    model: onnx.ModelProto, joint: Joint, rows: NDArray[np.float64], expected: Answers, golden: bool
) -> tuple[Variant, Answers]:
    """The fastest variant that is exact enough, and its results; ``expected`` are those of the original.

    ``golden`` says whether the manifest has golden rows, which are checked to GOLDEN_TOLERANCE at each start.
    Folding the scaler may then change probabilities by as much: if a graph undoes the scaling in float32,
    the original is no more exact than the folded graph.

    Raises:
        BadArtifact: no variant, not even the unchanged model behind the scaler, gives the expected results.
    """
    exact = PROBABILITY_TOLERANCE if joint.outputs.probability else SCORE_TOLERANCE
    notes: tuple[str, ...] = ()
    fast = _fused(model, joint)
    if fast is not None:
        actual = fast.answers(rows)
        tolerance = GOLDEN_TOLERANCE if golden else exact
        if not difference(actual, expected, tolerance).fault(tolerance):
            return fast, actual
    variants = list(_rewritten(model, joint))
    if variants:
        best = variants[-1].answers(rows)
        fault = difference(
            best,
            expected,
            svm_tolerance := SVM_PROBABILITY_TOLERANCE if approximate(model) else SVM_TOLERANCE,
        ).fault(svm_tolerance)
        if not fault:
            for variant in variants:
                actual = variant.answers(rows)
                if not difference(actual, best, exact).fault(exact):
                    return variant, actual
        notes = (f"WARNING: the original graph is served, not the rewritten one: {fault}",)
    plain = Variant(_with_prefix(model), joint, notes or _svm_notes(model))
    actual = plain.answers(rows)
    fault = difference(actual, expected, exact).fault(exact)
    if fault:
        raise BadArtifact(f"the model gives different results when joined to its scaler: {fault}")
    return plain, actual


def _fused(model: onnx.ModelProto, joint: Joint) -> Variant | None:
    """The variant with the scaler folded into the matrix products; None if that is impossible."""
    if not foldable(joint) or any(node.domain == "ai.onnx.ml" for node in model.graph.node):
        return None
    return Variant(_with_prefix(model), joint, fuse=True)


def foldable(joint: Joint) -> bool:
    """Whether the graph has one input and reads the scaled observations in the contract's order."""
    columns = joint.inputs.columns
    return joint.scaler is not None and joint.order == FEATURES and len(columns) == 1


def _rewritten(model: onnx.ModelProto, joint: Joint) -> Iterator[Variant]:
    """The variants with matrix products for support-vector machines, from the fastest to the most exact.

    In order: the scaler folded into float32 constants; rows scaled in float64, then float32 products; all
    in float64.
    """
    if all(node.op_type != "SVMClassifier" or unsupported_reason(node) for node in model.graph.node):
        return
    if joint.scaler is not None and foldable(joint):
        body = _with_prefix(model)
        fold = Fold(PREFIX + joint.inputs.columns[0].name, INPUT, joint.scaler)
        yield Variant(body, replace(joint, single=True), tuple(rewrite(body, np.float32, fold)))
    for dtype in (np.float32, np.float64):
        body = _with_prefix(model)
        yield Variant(body, joint, tuple(rewrite(body, dtype, None)))


def _svm_notes(model: onnx.ModelProto) -> tuple[str, ...]:
    return tuple(
        f"SVMClassifier is not rewritten: {unsupported_reason(node)}"
        for node in model.graph.node
        if node.op_type == "SVMClassifier"
    )


def _with_prefix(model: onnx.ModelProto) -> onnx.ModelProto:
    return compose.add_prefix(model, PREFIX)
