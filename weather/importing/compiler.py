"""Scaler and imported classifier as one ONNX graph; the SVM as matrix products.

ONNX Runtime's ``SVMClassifier`` costs about the same for each row whatever the batch, so batching
could gain nothing behind it. Written as ``exp(-g(|z|^2 + |s|^2 - 2 z.s))`` it is a Gemm, an Exp
and a Gemm. The import side needs the ``onnx`` package; serving loads the finished graph without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

from weather.contract.variables import FEATURES, LIMITS
from weather.importing.artifacts import Artifacts, BadArtifact, Scaler, sha256
from weather.importing.fusing import fused
from weather.model.classifier import INPUT, PROBABILITY, RAIN, Classifier, session

OPSET = 17
"""The default-domain opset of what is written here; ONNX Runtime has it since 1.12."""

IR_VERSION = 8

MARGIN = 1e-3
"""Rows whose decision value lies nearer to the threshold than this may differ in label."""

TOLERANCE = 1e-3
"""How far compiled decision values may lie from ONNX Runtime's on the original."""


@dataclass(frozen=True)
class Compiled:
    """The finished graph: ``observations`` float32[n, 7] -> ``rain`` bool[n] and, when the model
    is calibrated, ``probability`` float32[n]. ``notes`` say what was rewritten and what was not.
    """

    model: bytes
    calibrated: bool
    notes: list[str]

    @property
    def digest(self) -> str:
        """SHA-256 of the graph."""
        return sha256(self.model)


def compile_pair(artifacts: Artifacts) -> Compiled:
    """One graph from a scaler and a classifier, checked against ONNX Runtime on the original.

    Raises:
        BadArtifact: the model is not ONNX, keeps weights outside the file, or its input or
            outputs don't fit the scaler and the service.
    """
    original = _parsed(artifacts.model)
    probe = probe_rows(artifacts)
    expected = _original_answers(original, artifacts.scaler, probe)
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(original)
    notes = []
    for node in list(rewritten.graph.node):
        notes += _rewrite(rewritten.graph, node, artifacts.scaler)
    complaint = ""
    for body, fuse in ((rewritten, True), (rewritten, False), (original, False)):
        # For the check the scores are an output even when they are no probabilities.
        checked = Classifier(_joined(artifacts.scaler, body, scored=expected.score is not None, fuse=fuse))
        difference = _difference(checked, probe, expected)
        if not difference:
            if body is original:
                notes = [f"WARNING: the original graph is served, not the rewritten one: {complaint}"]
            graph = _joined(artifacts.scaler, body, scored=expected.calibrated, fuse=fuse)
            return Compiled(graph, expected.calibrated, notes)
        complaint = complaint or difference
    raise BadArtifact(f"the model can't be joined to its scaler: {complaint}")


def probe_rows(artifacts: Artifacts) -> NDArray[np.float64]:
    """float64[n, 7]: the rows of the self-check, from the training range and the contract's edges, and
    from the training range without each value that may be missing.

    Without a manifest the training range is taken to be the scaler's mean +- 4 scales.
    """
    limits = np.array([LIMITS[name] for name in FEATURES])
    low = artifacts.scaler.mean - 4 * artifacts.scaler.scale
    high = artifacts.scaler.mean + 4 * artifacts.scaler.scale
    for feature in artifacts.manifest.features if artifacts.manifest else ():
        low[FEATURES.index(feature.name)] = feature.minimum
        high[FEATURES.index(feature.name)] = feature.maximum
    low, high = np.clip(low, *limits.T), np.clip(high, *limits.T)
    rng = np.random.default_rng(7)
    inside = rng.uniform(low, high, size=(512, len(FEATURES)))
    inside[:, -1] = inside[:, -1].round()
    middle = np.clip(artifacts.scaler.mean, *limits.T)
    edges = np.repeat(middle[None], 2 * len(FEATURES), axis=0)
    edges[np.arange(len(edges)), np.arange(len(edges)) // 2] = limits.ravel()
    rows = [inside, edges, limits.T]
    for name in artifacts.manifest.optional if artifacts.manifest else ():
        without = inside.copy()
        without[:, FEATURES.index(name)] = np.nan
        rows.append(without)
    return np.concatenate(rows)


@dataclass(frozen=True)
class _Answers:
    """What the original says of the probe rows.

    ``score`` float64[n] is the second column of its second output, None if it has none; rain is
    forecast above ``threshold`` (estimated from the labels where scores are probabilities).
    """

    rain: NDArray[np.bool_]
    score: NDArray[np.float64] | None
    threshold: float
    calibrated: bool
    tolerance: float


def _parsed(content: bytes) -> onnx.ModelProto:
    """The model with its outputs reduced to the label and, where there are any, the scores."""
    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf, the checker and the parser each have their own
        raise BadArtifact(f"the model is truncated or not ONNX ({str(error).strip()[:200]})") from error
    graph = model.graph
    tensors = [*graph.initializer, *(a.t for n in graph.node for a in n.attribute if a.HasField("t"))]
    if any(t.data_location == TensorProto.EXTERNAL for t in tensors):
        raise BadArtifact("the model keeps weights in other files; save it as one file")
    opset = {o.domain: o.version for o in model.opset_import}
    if "" not in opset:
        model.opset_import.append(helper.make_opsetid("", OPSET))
    elif opset[""] < 9:
        raise BadArtifact(f"the model's opset {opset['']} is too old; convert it to 9 or later")
    constants = {t.name for t in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    if len(inputs) != 1:
        raise BadArtifact(f"the model has {len(inputs)} inputs; it must have one, float32[n, 7]")
    kind = inputs[0].type.tensor_type
    shape = [d.dim_value or None for d in kind.shape.dim]
    if kind.elem_type != TensorProto.FLOAT or len(shape) != 2 or shape[1] not in (None, len(FEATURES)):
        given = TensorProto.DataType.Name(kind.elem_type).lower()
        raise BadArtifact(
            f"the model's input is {given}{shape}; it must be float[n, {len(FEATURES)}], "
            f"the scaled {', '.join(FEATURES)}"
        )
    if shape[0] is not None:
        raise BadArtifact(
            f"the model takes exactly {shape[0]} row(s) at once; its first dimension must be free"
        )
    # A ZipMap turns probabilities into a list of dictionaries; what it is fed is what we want.
    fed = {n.output[0]: n for n in graph.node if n.op_type == "ZipMap"}
    names = [o.name for o in graph.output]
    if not names or names[0] in fed:
        raise BadArtifact("the model's first output must be the label, 0 or 1")
    outputs = [graph.output[0]]
    if len(names) > 1:
        scores = fed[names[1]].input[0] if names[1] in fed else names[1]
        outputs.append(helper.make_tensor_value_info(scores, TensorProto.FLOAT, None))
    kept = [n for n in graph.node if n.op_type != "ZipMap"]
    del graph.node[:]
    graph.node.extend(kept)
    outputs = [onnx.ValueInfoProto.FromString(o.SerializeToString()) for o in outputs]
    del graph.output[:]
    graph.output.extend(outputs)
    model.ir_version = max(model.ir_version, IR_VERSION)
    return compose.add_prefix(model, "model/")


def _original_answers(model: onnx.ModelProto, scaler: Scaler, probe: NDArray[np.float64]) -> _Answers:
    """Scaled by NumPy in float64, classified by ONNX Runtime on the graph as it came."""
    scaled = scaler.transform(probe).astype(np.float32)
    try:
        answers = session(model.SerializeToString()).run(None, {model.graph.input[0].name: scaled})
    except Exception as error:  # ONNX Runtime's exceptions have no common public base
        raise BadArtifact(f"ONNX Runtime can't run the model: {str(error).strip()[:300]}") from error
    label = np.asarray(answers[0])
    if label.size != len(probe) or label.dtype.kind not in "biuf" or not np.isin(label, (0, 1)).all():
        raise BadArtifact(
            f"the model's first output must be one label a row, 0 or 1; it gave {label.dtype}"
            f"{list(label.shape)} with values such as {np.unique(label)[:3].tolist()}"
        )
    scores = np.asarray(answers[1], np.float64) if len(answers) > 1 else np.empty(0)
    # ONNX Runtime solves a pairwise system for the probabilities of a node with prob_a and stops
    # at 0.0025; the rewritten graph has the sigmoid itself, so the two differ by that much.
    approximate = any(_attributes(n).get("prob_a") for n in model.graph.node if n.op_type == "SVMClassifier")
    tolerance = 5e-3 if approximate else TOLERANCE
    rain = label.ravel() > 0.5
    if scores.shape != (len(probe), 2):
        return _Answers(rain, None, 0.0, False, tolerance)
    score = scores[:, 1]
    in_range = (scores >= 0).all() and (scores <= 1).all()
    if in_range and np.allclose(scores.sum(axis=1), 1, atol=1e-4):
        threshold = (score[rain].min(initial=1) + score[~rain].max(initial=0)) / 2
        return _Answers(rain, score, float(threshold), True, tolerance)
    return _Answers(rain, score, 0.0, False, tolerance)


def _difference(classifier: Classifier, probe: NDArray[np.float64], expected: _Answers) -> str:
    """In what a joined graph disagrees with the original; empty when in nothing."""
    rain, score = classifier(probe)
    clear = np.ones(len(probe), bool)
    if expected.score is not None and score is not None:
        error = np.abs(score - expected.score) / np.maximum(1, np.abs(expected.score))
        if not error.max() <= expected.tolerance:
            return f"decision values differ by up to {error.max():.2g}"
        clear = np.abs(expected.score - expected.threshold) > max(MARGIN, expected.tolerance)
    wrong = (rain != expected.rain) & clear
    return f"{int(wrong.sum())} of {len(probe)} labels differ" if wrong.any() else ""


def _joined(scaler: Scaler, body: onnx.ModelProto, scored: bool, fuse: bool) -> bytes:
    """The scaler before the classifier, and outputs of the shape that serving expects."""
    graph = body.graph
    label = graph.output[0].name
    before = [
        helper.make_node("Sub", [INPUT, "scaler/mean"], ["scaler/centred"]),
        helper.make_node("Div", ["scaler/centred", "scaler/scale"], [graph.input[0].name]),
    ]
    after = [
        helper.make_node("Cast", [label], ["label/bool"], to=TensorProto.BOOL),
        helper.make_node("Reshape", ["label/bool", "flat"], [RAIN]),
    ]
    constants = [
        _constant("scaler/mean", scaler.mean),
        _constant("scaler/scale", scaler.scale),
        numpy_helper.from_array(np.array([-1], np.int64), "flat"),
    ]
    outputs = [helper.make_tensor_value_info(RAIN, TensorProto.BOOL, [None])]
    if scored:
        after.append(helper.make_node("Gather", [graph.output[1].name, "column"], [PROBABILITY], axis=1))
        constants.append(numpy_helper.from_array(np.array(1, np.int64), "column"))
        outputs.append(helper.make_tensor_value_info(PROBABILITY, TensorProto.FLOAT, [None]))
    nodes = _needed([*before, *graph.node, *after], {output.name for output in outputs})
    used = {name for node in nodes for name in node.input}
    joined = helper.make_model(
        helper.make_graph(
            nodes,
            "weather",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(FEATURES)])],
            outputs,
            [t for t in (*constants, *graph.initializer) if t.name in used or _nested(nodes)],
        ),
        opset_imports=body.opset_import,
        ir_version=body.ir_version,
        functions=body.functions,
    )
    joined = fused(joined) if fuse else joined
    onnx.checker.check_model(joined)
    return bytes(joined.SerializeToString(deterministic=True))


@dataclass(frozen=True)
class _Svm:
    """The sum of an SVM: ``vectors`` float64[m, d], ``coefficients`` float64[m], RBF ``gamma``."""

    vectors: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    gamma: float


def _rewrite(graph: onnx.GraphProto, node: onnx.NodeProto, scaler: Scaler) -> list[str]:
    """Put matrix products in the place of ``node`` if it is an SVM with an RBF or linear kernel."""
    if node.op_type != "SVMClassifier":
        return [] if node.op_type not in _HEAVY else [f"{node.op_type} runs as it is, behind the scaler"]
    attributes = _attributes(node)
    kernel = attributes.get("kernel_type", b"LINEAR").decode()
    reason = ""
    if kernel not in ("RBF", "LINEAR"):
        reason = f"its kernel is {kernel}"
    elif attributes.get("post_transform", b"NONE") != b"NONE":
        reason = f"its post_transform is {attributes['post_transform'].decode()}"
    elif (
        len(attributes.get("vectors_per_class", ())) != 2 or len(attributes.get("classlabels_ints", ())) != 2
    ):
        reason = "it is not a support-vector machine of two integer classes"
    if reason:
        return [f"SVMClassifier runs as it is: {reason}"]
    coefficients = np.array(attributes["coefficients"], np.float64)
    vectors = np.array(attributes["support_vectors"], np.float64).reshape(len(coefficients), -1)
    svm = _Svm(vectors, coefficients, float(attributes.get("kernel_params", (0,))[0]))
    prefix = f"{node.output[0]}/svm"
    z, folded = node.input[0], None
    if kernel == "RBF" and z == graph.input[0].name:
        z, folded = INPUT, scaler
    nodes, constants = (_rbf if kernel == "RBF" else _linear)(z, prefix, svm, folded)
    # ONNX Runtime's answer, from its source and seen: with f the sum and rho, the scores are
    # (-f, f) and the label is the first class where f > 0. With prob_a the scores are the
    # sigmoid's (p, 1 - p) instead.
    rho = float(attributes["rho"][0])
    slope, offset, squash = np.array([-1.0, 1.0]), np.zeros(2), "Identity"
    if attributes.get("prob_a"):
        a, b = float(attributes["prob_a"][0]), float(attributes["prob_b"][0])
        slope, offset, squash = np.array([-a, a]), np.array([-b, b]), "Sigmoid"
    nodes += [
        helper.make_node("Gemm", [f"{prefix}/f", f"{prefix}/slope", f"{prefix}/offset"], [f"{prefix}/pair"]),
        helper.make_node(squash, [f"{prefix}/pair"], [node.output[1]]),
        helper.make_node("Reshape", [f"{prefix}/f", f"{prefix}/flat"], [f"{prefix}/each"]),
        helper.make_node("Greater", [f"{prefix}/each", f"{prefix}/turn"], [f"{prefix}/first"]),
        helper.make_node(
            "Where", [f"{prefix}/first", f"{prefix}/class0", f"{prefix}/class1"], [node.output[0]]
        ),
    ]
    first, second = attributes["classlabels_ints"]
    constants += [
        _constant(f"{prefix}/slope", slope[None]),
        _constant(f"{prefix}/offset", offset + slope * rho),
        _constant(f"{prefix}/turn", np.array(-rho)),
        numpy_helper.from_array(np.array([-1], np.int64), f"{prefix}/flat"),
        numpy_helper.from_array(np.array(first, np.int64), f"{prefix}/class0"),
        numpy_helper.from_array(np.array(second, np.int64), f"{prefix}/class1"),
    ]
    at = next(i for i, n in enumerate(graph.node) if n == node)
    rest = [*graph.node[:at], *nodes, *graph.node[at + 1 :]]
    rest = [onnx.NodeProto.FromString(n.SerializeToString()) for n in rest]
    del graph.node[:]
    graph.node.extend(rest)
    graph.initializer.extend(constants)
    return [f"SVMClassifier with {len(coefficients):,} support vectors ({kernel}) runs as matrix products"]


def _needed(nodes: list[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """The nodes that ``wanted`` rests on; ONNX Runtime would run the others too, 1 us each."""
    if _nested(nodes):
        return nodes  # a subgraph may use any name
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]


def _nested(nodes: list[onnx.NodeProto]) -> bool:
    return any(a.HasField("g") for node in nodes for a in node.attribute)


_HEAVY = frozenset({"TreeEnsembleClassifier", "TreeEnsemble", "LinearClassifier", "SVMRegressor"})


_Parts = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]


def _rbf(z: str, prefix: str, svm: _Svm, scaler: Scaler | None) -> _Parts:
    """The sum f of a_i exp(-g |z - s_i|^2), with |z - s|^2 = |z|^2 + |s|^2 - 2 z.s as one product.

    Everything is taken relative to the support vectors' mean: the three terms cancel where z is
    near s, and float32 keeps 7 digits of each, so both must be small there. Far from every
    support vector the terms are large and exp() of them is 0 whatever the rounding.

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
        helper.make_node("Sub", [z, f"{prefix}/origin"], [f"{prefix}/d"]),
        helper.make_node("Mul", [f"{prefix}/d", f"{prefix}/d"], [f"{prefix}/squares"]),
        helper.make_node("Concat", [f"{prefix}/d", f"{prefix}/squares"], [f"{prefix}/both"], axis=1),
        helper.make_node("Gemm", [f"{prefix}/both", f"{prefix}/expand", f"{prefix}/one"], [f"{prefix}/z"]),
        helper.make_node("MatMul", [f"{prefix}/z", f"{prefix}/weights"], [f"{prefix}/exponent"]),
        helper.make_node("Exp", [f"{prefix}/exponent"], [f"{prefix}/kernel"]),
        helper.make_node("MatMul", [f"{prefix}/kernel", f"{prefix}/a"], [f"{prefix}/f"]),
    ]
    constants = [
        _constant(f"{prefix}/origin", origin),
        _constant(f"{prefix}/expand", expand),
        _constant(f"{prefix}/one", np.eye(n + 2)[-1]),
        _constant(f"{prefix}/weights", np.concatenate(weights)),
        _constant(f"{prefix}/a", coefficients[:, None]),
    ]
    return nodes, constants


def _interleaved(s: NDArray[Any], coefficients: NDArray[Any]) -> NDArray[np.int64]:
    """An order of the support vectors in which the sum of a_i k_i stays small on its way.

    An SVM lists one class, then the other: in float32 the sum climbs to thousands and comes down
    again, and 1e-3 of the decision value is lost. With neighbours of opposite sign side by side,
    both classes walked along the first principal component, 2e-5 is (measured, 3,746 vectors).
    """
    along = s @ np.linalg.svd(s, full_matrices=False)[2][0]
    place = np.empty(len(s))
    for mask in (coefficients > 0, coefficients <= 0):
        place[mask] = np.argsort(np.argsort(along[mask])) / max(mask.sum(), 1)
    return np.argsort(place, kind="stable")


def _linear(z: str, prefix: str, svm: _Svm, _: Scaler | None) -> _Parts:
    """The sum f = z . sum(a_i s_i): the support vectors of a linear kernel are one weight vector."""
    nodes = [helper.make_node("MatMul", [z, f"{prefix}/w"], [f"{prefix}/f"])]
    return nodes, [_constant(f"{prefix}/w", (svm.coefficients @ svm.vectors)[:, None])]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _constant(name: str, value: NDArray[Any]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, np.float32), name)
