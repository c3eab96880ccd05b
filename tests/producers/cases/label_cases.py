"""Labels and probabilities in every form; those that contradict each other or can't be told."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from tests.producers.cases.base import TZ, X, Y, Z, convert, save, sk


def main() -> None:
    """All of them."""
    words = {
        "rain": ("Rain", "No_Rain"),
        "yes": ("yes", "no"),
        "true": ("true", "false"),
        "blank": ("Rain", "no rain"),
        "upper": ("RAIN", "DRY"),
    }
    for name, (rain, dry) in words.items():
        for kind, model in {
            "svc": SVC(probability=True, random_state=0),
            "forest": RandomForestClassifier(10, random_state=0),
            "logreg": LogisticRegression(),
        }.items():
            tolerance = 5e-3 if kind == "svc" else 1e-5
            sk(
                f"words_{name}_{kind}",
                model,
                y=np.where(Y, rain, dry),
                rain=rain,
                tolerance=tolerance,
                remark=f"'{rain}' is Rain",
            )
    within = np.where(Y, "rain tomorrow", "no_rain tomorrow")
    sk("words_within", LogisticRegression(), y=within, rain="rain tomorrow", remark="'rain tomorrow' is Rain")
    script = np.where(Y, "雨", "晴れ")
    sk("words_other_script", LogisticRegression(), y=script, rain="雨", refused="--rain-label")
    sk("words_other_script_told", LogisticRegression(), y=script, rain="雨", rain_label="雨")
    sk("bool_told", LogisticRegression(), y=Y == 0, rain=False, rain_label="False", remark="0 is Rain")
    sk("words_svc_raw", SVC(), y=np.where(Y, "Rain", "No_Rain"), rain="Rain")
    sk("words_unknown", LogisticRegression(), y=np.where(Y, "a", "b"), rain="a", refused="--rain-label")
    sk(
        "words_told",
        LogisticRegression(),
        y=np.where(Y, "a", "b"),
        rain="a",
        rain_label="a",
        remark="'a' is Rain",
    )
    numbers = {"plus_minus": (1, -1), "one_two": (2, 1), "bool": (True, False), "float": (1.0, 0.0)}
    for name, (wet, not_wet) in numbers.items():
        y = np.where(Y, wet, not_wet)
        sk(f"numbers_{name}_logreg", LogisticRegression(), y=y, rain=wet)
        sk(f"numbers_{name}_forest", RandomForestClassifier(10, random_state=0), y=y, rain=wet)
        sk(f"numbers_{name}_svc", SVC(), y=y, rain=wet)
    sk("numbers_odd", LogisticRegression(), y=np.where(Y, 7, 3), rain=7, refused="--rain-label")
    sk("numbers_odd_told", LogisticRegression(), y=np.where(Y, 7, 3), rain=7, rain_label="7")
    sk(
        "class_0_is_rain",
        LogisticRegression(),
        y=1 - Y,
        rain=0,
        rain_label="0",
        remark="0 is Rain, 1 is No_Rain",
    )
    sk("class_0_forest", RandomForestClassifier(20, random_state=0), y=1 - Y, rain=0, rain_label="0")
    sk("class_0_svc", SVC(), y=1 - Y, rain=0, rain_label="0")
    sk(
        "rain_label_of_none",
        LogisticRegression(),
        rain_label="storm",
        refused="none of the model's classes, 0 and 1",
    )
    for kind, model in {
        "logreg": LogisticRegression(),
        "forest": RandomForestClassifier(10, random_state=0),
    }.items():
        sk(f"zipmap_columns_{kind}", model, options={"zipmap": "columns"})
        sk(f"no_zipmap_{kind}", model, options={"zipmap": False})
        sk(
            f"batch_of_one_{kind}",
            model,
            types=[("x", FloatTensorType([1, 7]))],
            remark="had a fixed batch size of 1",
        )
        sk(
            f"batch_of_one_matrix_{kind}",
            model,
            types=[("x", FloatTensorType([1, 7]))],
            options={"zipmap": False},
        )
    sk("batch_of_one_double", LogisticRegression(), types=[("x", DoubleTensorType([1, 7]))])
    sk("zipmap_columns_svc", SVC(), options={"zipmap": "columns"})
    sk("batch_of_one_svc", SVC(), types=[("x", FloatTensorType([1, 7]))])
    sk("batch_of_eight", RandomForestClassifier(10, random_state=0), types=[("x", FloatTensorType([8, 7]))])
    three = np.where(Y, 2, np.where(X[:, 0] > 10, 1, 0))
    sk("three_classes", LogisticRegression(), y=three, rain=2, refused="3 classes|3 columns")
    sk(
        "three_classes_matrix",
        LogisticRegression(),
        y=three,
        rain=2,
        options={"zipmap": False},
        refused="3 classes|3 columns",
    )
    model = sk(
        "raw_scores", LogisticRegression(), options={"raw_scores": True, "zipmap": False}, probability=False
    )
    label, chance = model.predict(TZ) == 1, model.predict_proba(TZ)[:, 1]
    graph = convert(model, options={"raw_scores": True, "zipmap": False})
    save("raw_scores_are_logits", graph, label, chance, logit=True, remark="sigmoid of a logit")
    save("no_logits", convert(model), label, chance, logit=True, refused="leave out --logit")
    plain = convert(model, options={"zipmap": False})
    save("probability_first", turned(plain), label, chance)
    save("probability_alone", only(plain, "probabilities"), label, chance)
    save("label_alone", only(plain, "label"), label)
    save("reversed_columns", reversed_columns(plain), label, chance, refused="contradict each other")
    save(
        "reversed_columns_told",
        reversed_columns(plain),
        label,
        chance,
        rain_label="1",
        remark="is inverted",
    )
    worded = LogisticRegression().fit(Z, np.where(Y, "Rain", "No_Rain"))
    plain = convert(worded, options={"zipmap": False})
    save("reversed_columns_words", reversed_columns(plain), label, chance, remark="is inverted")
    save(
        "three_outputs",
        also(convert(model, options={"zipmap": False})),
        label,
        chance,
        remark="not used: output copy",
    )


def turned(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with its outputs in the other order."""
    copy = copied(model)
    outputs = [onnx.ValueInfoProto.FromString(o.SerializeToString()) for o in copy.graph.output]
    del copy.graph.output[:]
    copy.graph.output.extend(outputs[::-1])
    return copy


def only(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """A copy with one output."""
    copy = copied(model)
    outputs = [
        onnx.ValueInfoProto.FromString(o.SerializeToString()) for o in copy.graph.output if o.name == name
    ]
    del copy.graph.output[:]
    copy.graph.output.extend(outputs)
    return copy


def reversed_columns(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose probabilities are [rain, dry]."""
    copy = copied(model)
    copy.graph.node.append(helper.make_node("Gather", ["probabilities", "reverse"], ["reversed"], axis=1))
    copy.graph.initializer.append(numpy_helper.from_array(np.array([1, 0], np.int64), "reverse"))
    copy.graph.output[1].CopyFrom(helper.make_tensor_value_info("reversed", TensorProto.FLOAT, [None, 2]))
    return copy


def also(model: onnx.ModelProto) -> onnx.ModelProto:
    """With the input as a third output."""
    model.graph.node.append(helper.make_node("Identity", ["float_input"], ["copy"]))
    model.graph.output.append(helper.make_tensor_value_info("copy", TensorProto.FLOAT, [None, 7]))
    return model


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
