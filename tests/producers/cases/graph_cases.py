"""Graphs as neural networks export them, and graphs that no exporter should have written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

from tests.producers.cases.base import NAMES, OUT, SCALER, TZ, Y, Z, save

NET = MLPClassifier((16,), max_iter=300, random_state=0).fit(Z, Y)
LABEL, CHANCE = NET.predict(TZ) == 1, NET.predict_proba(TZ)[:, 1]

WEIGHTS: dict[str, Any] = {
    **{f"w{i}": NET.coefs_[i].astype(np.float32) for i in (0, 1)},
    **{f"b{i}": NET.intercepts_[i].astype(np.float32) for i in (0, 1)},
    "half": np.array(0.5, np.float32),
    "zero": np.array(0, np.float32),
    "one": np.array(1, np.float32),
    "mean": SCALER.mean_.astype(np.float32),
    "std": SCALER.scale_.astype(np.float32),
    "flat": np.array([-1], np.int64),
    "one_row": np.array([1, 16], np.int64),
    "pair": np.array([[-1.0, 1.0]], np.float32),
}


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


HEAD = [node("Gemm", "x w0 b0", "h0"), node("Relu", "h0", "h1"), node("Gemm", "h1 w1 b1", "logit")]
SIGMOID = node("Sigmoid", "logit", "p")


def graph(
    nodes: Sequence[onnx.NodeProto],
    outputs: dict[str, tuple[int, list[Any]]],
    inputs: dict[str, list[Any]] | None = None,
    element: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model of these nodes; constants are those of WEIGHTS that they use."""
    used = {name for n in nodes for name in n.input}
    built = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(n, element, s) for n, s in (inputs or {"input": ["n", 7]}).items()],
        [helper.make_tensor_value_info(n, e, s) for n, (e, s) in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items() if name in used],
    )
    return helper.make_model(built, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


START = node("Identity", "input", "x")
F, INT = TensorProto.FLOAT, TensorProto.INT64


def main() -> None:
    """All of them."""
    flat = node("Reshape", "p flat", "q")
    two = [node("Sub", "one p", "no"), node("Concat", "no p", "both", axis=1)]
    logits = [node("MatMul", "logit pair", "opposite"), node("Add", "opposite half", "logits")]
    decided = [node("Greater", "p half", "d"), node("Cast", "d", "label", to=INT)]
    body = [START, *HEAD, SIGMOID]
    save("net_sigmoid", graph(body, {"p": (F, ["n", 1])}), LABEL, CHANCE)
    save("net_sigmoid_flat", graph([*body, flat], {"q": (F, ["n"])}), LABEL, CHANCE)
    save("net_both", graph([*body, *two], {"both": (F, ["n", 2])}), LABEL, CHANCE)
    softmax = [
        node("MatMul", "logit pair", "opposite"),
        node("Mul", "opposite half", "halved"),
        node("Softmax", "halved", "soft", axis=1),
    ]
    save("net_softmax", graph([START, *HEAD, *softmax], {"soft": (F, ["n", 2])}), LABEL, CHANCE)
    save(
        "net_label_and_sigmoid",
        graph([*body, *decided], {"label": (INT, ["n", 1]), "p": (F, ["n", 1])}),
        LABEL,
        CHANCE,
    )
    save(
        "net_sigmoid_and_label",
        graph([*body, *decided], {"p": (F, ["n", 1]), "label": (INT, ["n", 1])}),
        LABEL,
        CHANCE,
    )
    save("net_logit", graph([START, *HEAD], {"logit": (F, ["n", 1])}), LABEL, CHANCE, refused="--logit")
    save("net_logit_told", graph([START, *HEAD], {"logit": (F, ["n", 1])}), LABEL, CHANCE, logit=True)
    shifted = 1 / (1 + np.exp(-2 * np.log(CHANCE / (1 - CHANCE))))
    two_logits = graph([START, *HEAD, *logits], {"logits": (F, ["n", 2])})
    save("net_two_logits", two_logits, LABEL, shifted, refused="--logit")
    save(
        "net_two_logits_told",
        two_logits,
        LABEL,
        shifted,
        logit=True,
        remark="softmax of a logit",
        tolerance=1e-4,
    )
    save(
        "net_fixed_batch",
        graph([node("Identity", "input", "x"), *HEAD, SIGMOID], {"p": (F, [1, 1])}, {"input": [1, 7]}),
        LABEL,
        CHANCE,
    )
    reshaped = [
        START,
        HEAD[0],
        node("Relu", "h0", "h9"),
        node("Reshape", "h9 one_row", "h1"),
        HEAD[2],
        SIGMOID,
    ]
    save("net_fixed_reshape", graph(reshaped, {"p": (F, [1, 1])}, {"input": [1, 7]}), LABEL, CHANCE)
    scaled = [node("Sub", "input mean", "c"), node("Div", "c std", "x"), *HEAD, SIGMOID]
    save(
        "net_scales_itself", graph(scaled, {"p": (F, ["n", 1])}), LABEL, CHANCE, remark="scaled by the model"
    )
    save("net_scales_itself_none", graph(scaled, {"p": (F, ["n", 1])}), LABEL, CHANCE, scaler=None)
    folded()
    columns = [
        node("Concat", " ".join(NAMES), "joined", axis=1),
        node("Identity", "joined", "x"),
        *HEAD,
        SIGMOID,
    ]
    save(
        "net_seven_scaled", graph(columns, {"p": (F, ["n", 1])}, {n: ["n", 1] for n in NAMES}), LABEL, CHANCE
    )
    mixed = NAMES[::-1]
    save("net_seven_mixed", graph(columns, {"p": (F, ["n", 1])}, {n: ["n", 1] for n in mixed}), LABEL, CHANCE)
    anonymous = [node("Concat", " ".join(f"f{i}" for i in range(7)), "x", axis=1), *HEAD, SIGMOID]
    save(
        "net_seven_anonymous",
        graph(anonymous, {"p": (F, ["n", 1])}, {f"f{i}": ["n", 1] for i in range(7)}),
        refused="must be named temp_c",
    )
    save(
        "net_float16",
        graph(
            [node("Cast", "input", "x", to=F), *HEAD, SIGMOID],
            {"p": (F, ["n", 1])},
            element=TensorProto.FLOAT16,
        ),
        refused=r"float16\[n, 7\]; convert the model to float32",
    )
    save(
        "net_rank_3",
        graph([node("Squeeze", "input", "x"), *HEAD, SIGMOID], {"p": (F, ["n", 1])}, {"input": ["n", 1, 7]}),
        refused=r"must be float\[n, 7\]",
    )
    save("net_six", graph([START], {"x": (F, ["n", 6])}, {"input": ["n", 6]}), refused=r"is float\[n, 6\]")
    save("net_no_shape", without_shape(graph(body, {"p": (F, ["n", 1])})), LABEL, CHANCE)
    of_batch = [
        START,
        *HEAD,
        node("ReduceMean", "logit", "mean_logit", axes=[0], keepdims=1),
        node("Sub", "logit mean_logit", "off"),
        node("Sigmoid", "off", "p"),
    ]
    save(
        "net_depends_on_batch",
        graph(of_batch, {"p": (F, ["n", 1])}),
        refused="depends on the other rows of its batch",
    )
    noisy = [
        START,
        *HEAD,
        node("RandomNormalLike", "logit", "noise"),
        node("Add", "logit noise", "off"),
        node("Sigmoid", "off", "p"),
    ]
    save(
        "net_noisy",
        graph(noisy, {"p": (F, ["n", 1])}),
        refused="depends on the other rows of its batch, or on chance",
    )
    save(
        "net_nan",
        graph(
            [
                *body,
                node("Log", "input", "l"),
                node("ReduceMin", "l", "m", axes=[1], keepdims=1),
                node("Add", "p m", "q"),
            ],
            {"q": (F, ["n", 1])},
        ),
        refused="NaN or infinite",
    )
    outside("net_weights_beside", missing=False)
    outside("net_weights_missing", missing=True)


def folded() -> None:
    """Scaling that is folded into the first layer: nothing of it is left to be seen."""
    original = {name: WEIGHTS[name] for name in ("w0", "b0")}
    w = NET.coefs_[0] / SCALER.scale_[:, None]
    WEIGHTS["w0"], WEIGHTS["b0"] = (
        w.astype(np.float32),
        (NET.intercepts_[0] - SCALER.mean_ @ w).astype(np.float32),
    )
    nodes = [START, *HEAD, SIGMOID]
    save(
        "net_scaling_folded",
        graph(nodes, {"p": (F, ["n", 1])}),
        LABEL,
        CHANCE,
        remark="scaled by the model",
        tolerance=1e-3,
    )
    WEIGHTS.update(original)


def without_shape(model: onnx.ModelProto) -> onnx.ModelProto:
    """An input of which only the type is known."""
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return model


def outside(name: str, missing: bool) -> None:
    """Weights in a second file."""
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    refused = "weights.bin, which is not beside it" if missing else ""
    save(name, None, LABEL, CHANCE, refused=refused)
    onnx.save(
        graph([START, *HEAD, SIGMOID], {"p": (F, ["n", 1])}),
        folder / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    if missing:
        (folder / "weights.bin").unlink()
