"""Rewrites support-vector machines as matrix products.

ONNX Runtime's ``SVMClassifier`` costs about the same per row for every batch size, so batching gains
nothing. Written as ``exp(-g(|z|^2 + |s|^2 - 2 z.s))`` it is a Gemm, an Exp and a Gemm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from weather.importing.reading.scaler import Scaler

Parts = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]


@dataclass(frozen=True)
class Fold:
    """A scaler to fold into the constants of a machine with input ``scaled``, which then reads ``raw``."""

    scaled: str
    raw: str
    scaler: Scaler


@dataclass(frozen=True)
class _Svm:
    """The kernel sum of a machine: ``vectors`` float64[m, d], ``coefficients`` float64[m], RBF ``gamma``."""

    vectors: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    gamma: float


@dataclass(frozen=True)
class _Writer:
    """Makes nodes with a common prefix and constants of one type."""

    prefix: str
    dtype: type[np.floating[Any]]

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
        """A node; names that begin with / get the prefix."""
        named = [self.prefix + name if name.startswith("/") else name for name in (*inputs, output)]
        return helper.make_node(kind, named[:-1], named[-1:], **attributes)

    def constant(self, name: str, value: NDArray[Any], dtype: Any = None) -> onnx.TensorProto:
        """A constant, in the writer's type unless another is given."""
        return numpy_helper.from_array(np.asarray(value, dtype or self.dtype), self.prefix + name)

    @property
    def element(self) -> int:
        """The ONNX type."""
        return int(helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))


def rewrite(model: onnx.ModelProto, dtype: type[np.floating[Any]], fold: Fold | None) -> list[str]:
    """Replace each machine with an RBF or linear kernel by matrix products in ``dtype``.

    Returns a note for each machine, also for those that are not rewritten.
    """
    notes = []
    for node in list(model.graph.node):
        if node.op_type == "SVMClassifier":
            reason = unsupported_reason(node)
            notes.append(
                f"SVMClassifier is not rewritten: {reason}"
                if reason
                else _replace(model.graph, node, dtype, fold)
            )
    return notes


def unsupported_reason(node: onnx.NodeProto) -> str:
    """Why an SVMClassifier can't be rewritten; empty if it can."""
    attributes = _attributes(node)
    kernel = attributes.get("kernel_type", b"LINEAR").decode()
    classes = attributes.get("classlabels_ints") or attributes.get("classlabels_strings") or ()
    if kernel not in ("RBF", "LINEAR"):
        return f"its kernel is {kernel}"
    if attributes.get("post_transform", b"NONE") != b"NONE":
        return f"its post_transform is {attributes['post_transform'].decode()}"
    if len(attributes.get("vectors_per_class", ())) != 2 or len(classes) != 2 or len(node.output) != 2:
        return "it is not a support-vector machine of two classes"
    numbers = [
        attributes.get(name, ()) for name in ("coefficients", "support_vectors", "kernel_params", "rho")
    ]
    if not all(np.isfinite(np.array(values, np.float64)).all() for values in numbers):
        return "its numbers are not all finite"
    return ""


def approximate(model: onnx.ModelProto) -> bool:
    """Whether ONNX Runtime itself only approximates the probabilities: for a machine with ``prob_a`` it
    solves a pairwise system and stops at 0.0025. The rewritten graph computes the sigmoid itself.
    """
    return any(_attributes(n).get("prob_a") for n in model.graph.node if n.op_type == "SVMClassifier")


def _replace(
    graph: onnx.GraphProto, node: onnx.NodeProto, dtype: type[np.floating[Any]], fold: Fold | None
) -> str:
    attributes = _attributes(node)
    coefficients = np.array(attributes["coefficients"], np.float64)
    vectors = np.array(attributes["support_vectors"], np.float64).reshape(len(coefficients), -1)
    svm = _Svm(vectors, coefficients, float(attributes.get("kernel_params", (0,))[0]))
    kernel = attributes.get("kernel_type", b"LINEAR").decode()
    write = _Writer(f"{node.output[0]}/svm", dtype)
    if kernel == "RBF" and fold is not None and node.input[0] == fold.scaled:
        nodes, constants = _rbf(fold.raw, write, svm, fold.scaler)
    else:
        cast = write.node("Cast", [node.input[0]], "/z", to=write.element)
        nodes, constants = (_rbf if kernel == "RBF" else _linear)(f"{write.prefix}/z", write, svm, None)
        nodes = [cast, *nodes]
    more_nodes, more_constants = _scores_and_label(node, write)
    nodes, constants = [*nodes, *more_nodes], [*constants, *more_constants]
    at = next(i for i, n in enumerate(graph.node) if n == node)
    rest = [*graph.node[:at], *nodes, *graph.node[at + 1 :]]
    rest = [onnx.NodeProto.FromString(n.SerializeToString()) for n in rest]
    del graph.node[:]
    graph.node.extend(rest)
    graph.initializer.extend(constants)
    return f"SVMClassifier with {len(coefficients):,} support vectors ({kernel}) runs as matrix products"


def _scores_and_label(node: onnx.NodeProto, write: _Writer) -> Parts:
    """Scores and label from the sum f, as in ONNX Runtime (from its source, confirmed by tests).

    With rho, the scores are (-f, f) and the label is the first class where f > 0. With prob_a, the scores
    are (p, 1 - p) with the sigmoid p.
    """
    attributes = _attributes(node)
    rho = float(attributes["rho"][0])
    slope, offset, squash = np.array([-1.0, 1.0]), np.zeros(2), "Identity"
    if attributes.get("prob_a"):
        a, b = float(attributes["prob_a"][0]), float(attributes["prob_b"][0])
        slope, offset, squash = np.array([-a, a]), np.array([-b, b]), "Sigmoid"
    words = attributes.get("classlabels_strings")
    classes = (
        np.array([w.decode() for w in words], object) if words else np.array(attributes["classlabels_ints"])
    )
    kind = None if words else np.int64
    nodes = [
        write.node("Gemm", ["/f", "/slope", "/offset"], "/pair"),
        write.node(squash, ["/pair"], "/scores"),
        write.node("Cast", ["/scores"], node.output[1], to=TensorProto.FLOAT),
        write.node("Reshape", ["/f", "/flat"], "/each"),
        write.node("Greater", ["/each", "/turn"], "/first"),
        write.node("Where", ["/first", "/class0", "/class1"], node.output[0]),
    ]
    constants = [
        write.constant("/slope", slope[None]),
        write.constant("/offset", offset + slope * rho),
        write.constant("/turn", np.array(-rho)),
        write.constant("/flat", np.array([-1]), np.int64),
        *(
            write.constant(f"/class{i}", np.array(classes[i], object if words else kind), classes.dtype)
            for i in (0, 1)
        ),
    ]
    return nodes, constants


def _rbf(z: str, write: _Writer, svm: _Svm, scaler: Scaler | None) -> Parts:
    """The sum f of a_i exp(-g |z - s_i|^2), with |z - s|^2 = |z|^2 + |s|^2 - 2 z.s as one product.

    z and s are taken relative to the mean of the support vectors. The three terms cancel where z is near s,
    and float32 keeps 7 digits of each, so they must be small there. Far from every support vector the terms
    are large, and their exp() is 0 despite rounding errors.

    With ``scaler``, ``z`` is the unscaled input: centring and scaling fold into the constants.
    A small Gemm makes (z, |z|^2, 1), so that the large product needs no second pass for a bias.
    """
    centre = svm.vectors.mean(axis=0)
    order = _interleaved(svm.vectors - centre, svm.coefficients)
    s, coefficients = (svm.vectors - centre)[order], svm.coefficients[order]
    n = s.shape[1]
    origin, width = centre, np.ones(n)
    if scaler is not None:
        origin, width = scaler.mean + centre * scaler.scale, scaler.scale
    expand = np.zeros((2 * n, n + 2))
    expand[:n, :n] = np.diag(1 / width)
    expand[n:, n] = 1 / width**2
    weights = [2 * svm.gamma * s.T, np.full((1, len(s)), -svm.gamma), -svm.gamma * (s**2).sum(axis=1)[None]]
    nodes = [
        write.node("Sub", [z, "/origin"], "/d"),
        write.node("Mul", ["/d", "/d"], "/squares"),
        write.node("Concat", ["/d", "/squares"], "/both", axis=1),
        write.node("Gemm", ["/both", "/expand", "/one"], "/expanded"),
        write.node("MatMul", ["/expanded", "/weights"], "/exponent"),
        write.node("Exp", ["/exponent"], "/kernel"),
        write.node("MatMul", ["/kernel", "/a"], "/f"),
    ]
    constants = [
        write.constant("/origin", origin),
        write.constant("/expand", expand),
        write.constant("/one", np.eye(n + 2)[-1]),
        write.constant("/weights", np.concatenate(weights)),
        write.constant("/a", coefficients[:, None]),
    ]
    return nodes, constants


def _interleaved(s: NDArray[Any], coefficients: NDArray[Any]) -> NDArray[np.int64]:
    """An order of the support vectors in which partial sums of a_i k_i stay small.

    An SVM lists one class, then the other: in float32 the partial sum rises to thousands and falls again,
    which costs 1e-3 of the decision value. Both classes are sorted along the first principal component and
    interleaved, so that neighbours have opposite signs: the error is 2e-5 (measured, 3,746 vectors).
    """
    along = s @ np.linalg.svd(s, full_matrices=False)[2][0]
    place = np.empty(len(s))
    for mask in (coefficients > 0, coefficients <= 0):
        place[mask] = np.argsort(np.argsort(along[mask])) / max(mask.sum(), 1)
    return np.argsort(place, kind="stable")


def _linear(z: str, write: _Writer, svm: _Svm, _: Scaler | None) -> Parts:
    """The sum f = z . sum(a_i s_i): the support vectors of a linear kernel are one weight vector."""
    weights = (svm.coefficients @ svm.vectors)[:, None]
    return [write.node("MatMul", [z, "/w"], "/f")], [write.constant("/w", weights)]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}
