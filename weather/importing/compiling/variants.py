"""The ways to write a model as one graph, and the fastest of them that is exact enough."""

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
from weather.importing.compiling.svm import Fold, approximate, rewrite, why_not
from weather.importing.errors import BadArtifact
from weather.importing.understanding.checking import Answers, difference
from weather.model.classifier import GOLDEN_TOLERANCE, INPUT, Classifier

EXACT = 1e-5
"""How far probabilities may lie from those of the most exact way to write the model."""

EXACT_SCORE = 1e-4
"""... and scores that only decide, of which all labels must still be the same."""

ROUGH, ROUGHER = 1e-3, 5e-3
"""How far ONNX Runtime's SVMClassifier is off: it sums in float32, class by class; with prob_a it also
approximates the probabilities.
"""


@dataclass(frozen=True)
class Variant:
    """A model written in one way, and what is to be said of it."""

    body: onnx.ModelProto
    joint: Joint
    notes: tuple[str, ...] = ()
    fuse: bool = False

    def graph(self) -> bytes:
        """The graph that is served."""
        return self.joined(self.joint.outputs.probability)

    def joined(self, scored: bool) -> bytes:
        """The graph, with the score if ``scored``."""
        graph = join(self.body, self.joint, scored)
        if not self.fuse:
            return graph
        return bytes(fused(onnx.load_from_string(graph)).SerializeToString(deterministic=True))

    def answers(self, rows: NDArray[np.float64]) -> Answers:
        """What it says of float64[n, 7] observations, with scores even where they are not served."""
        rain, score = Classifier(self.joined(self.joint.outputs.score is not None))(rows)
        return Answers(rain, None if score is None else score.astype(np.float64))


def chosen(
    model: onnx.ModelProto, joint: Joint, rows: NDArray[np.float64], expected: Answers, golden: bool
) -> tuple[Variant, Answers]:
    """The fastest variant that is exact, and its answers; ``expected`` are the original's.

    With ``golden`` rows in the manifest, which are checked to GOLDEN_TOLERANCE at each start, folding the
    scaler may change probabilities by as much: of a graph that undoes the scaling in float32, the
    original is no more exact than the folded one.

    Raises:
        BadArtifact: not even the model as it is gives the original's answers behind the scaler.
    """
    exact = EXACT if joint.outputs.probability else EXACT_SCORE
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
        fault = difference(best, expected, rough := ROUGHER if approximate(model) else ROUGH).fault(rough)
        if not fault:
            for variant in variants:
                actual = variant.answers(rows)
                if not difference(actual, best, exact).fault(exact):
                    return variant, actual
        notes = (f"WARNING: the original graph is served, not the rewritten one: {fault}",)
    plain = Variant(_prefixed(model), joint, notes or _kept(model))
    actual = plain.answers(rows)
    fault = difference(actual, expected, exact).fault(exact)
    if fault:
        raise BadArtifact(f"the model answers differently behind its scaler: {fault}")
    return plain, actual


def _fused(model: onnx.ModelProto, joint: Joint) -> Variant | None:
    """With the scaler's division folded into the matrix products behind it; None if it can't be."""
    if not foldable(joint) or any(node.domain == "ai.onnx.ml" for node in model.graph.node):
        return None
    return Variant(_prefixed(model), joint, fuse=True)


def foldable(joint: Joint) -> bool:
    """Whether the graph reads the scaled observations as they are, in one tensor of float32."""
    columns = joint.inputs.columns
    return joint.scaler is not None and joint.order == FEATURES and len(columns) == 1


def _rewritten(model: onnx.ModelProto, joint: Joint) -> Iterator[Variant]:
    """With matrix products in the place of support-vector machines, from the fastest to the most exact:
    the scaler folded into float32 constants, rows scaled in float64 before float32 products, float64.
    """
    if all(node.op_type != "SVMClassifier" or why_not(node) for node in model.graph.node):
        return
    if joint.scaler is not None and foldable(joint):
        body = _prefixed(model)
        fold = Fold(PREFIX + joint.inputs.columns[0].name, INPUT, joint.scaler)
        yield Variant(body, replace(joint, single=True), tuple(rewrite(body, np.float32, fold)))
    for dtype in (np.float32, np.float64):
        body = _prefixed(model)
        yield Variant(body, joint, tuple(rewrite(body, dtype, None)))


def _kept(model: onnx.ModelProto) -> tuple[str, ...]:
    return tuple(
        f"SVMClassifier runs as it is: {why_not(node)}"
        for node in model.graph.node
        if node.op_type == "SVMClassifier"
    )


def _prefixed(model: onnx.ModelProto) -> onnx.ModelProto:
    return compose.add_prefix(model, PREFIX)
