"""scikit-learn's classifiers behind a scaler and in pipelines with one, by skl2onnx."""

from __future__ import annotations

import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tests.producers.cases.base import NAMES, SCALER, T, X, Y, convert, pipe, save, sk

PLATT = 5e-3
"""predict_proba of an SVC with probability=True solves a pairwise system to 0.005."""


def behind() -> None:
    """Every kind behind the scaler."""
    sk("svc_raw", SVC())
    sk("svc_linear", SVC(kernel="linear"))
    sk("svc_poly", SVC(kernel="poly"))
    sk("svc_balanced", SVC(class_weight="balanced", C=10, gamma=0.2))
    for name, classifier in {
        "logreg": LogisticRegression(),
        "logreg_multinomial_weights": LogisticRegression(class_weight="balanced"),
        "naive_bayes": GaussianNB(),
        "mlp": MLPClassifier((16,), max_iter=400, random_state=0),
        "tree": DecisionTreeClassifier(random_state=0),
        "tree_3": DecisionTreeClassifier(max_depth=3),
        "forest_10": RandomForestClassifier(10, random_state=0),
        "forest_20": RandomForestClassifier(20, random_state=0),
        "forest_30": RandomForestClassifier(30, random_state=0),
        "forest_100_leaves": RandomForestClassifier(100, min_samples_leaf=5, random_state=0),
        "extra_trees": ExtraTreesClassifier(20, random_state=0),
        "gradient_boosting": GradientBoostingClassifier(random_state=0),
        "adaboost": AdaBoostClassifier(n_estimators=20, random_state=0),
        "bagged_trees": BaggingClassifier(DecisionTreeClassifier(), 10, random_state=0),
        "voting": VotingClassifier(
            [("a", LogisticRegression()), ("b", RandomForestClassifier(10, random_state=0))],
            voting="soft",
            flatten_transform=False,
        ),
        "stacking": StackingClassifier(
            [("a", LogisticRegression()), ("b", RandomForestClassifier(10, random_state=0))], cv=3
        ),
        "sigmoid_forest": CalibratedClassifierCV(
            RandomForestClassifier(10, random_state=0), method="sigmoid", cv=3
        ),
        "isotonic_forest": CalibratedClassifierCV(
            RandomForestClassifier(10, random_state=0), method="isotonic", cv=3
        ),
        "calibrated_linear_svc": CalibratedClassifierCV(LinearSVC(), cv=3),
    }.items():
        sk(name, classifier)
    # What skl2onnx 1.20 writes for these is another function than scikit-learn's.
    apart = "the probability is .* apart"
    isotonic = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=3)
    sk("isotonic_logreg", isotonic, converter=apart)
    sk("lda", LinearDiscriminantAnalysis(), converter=apart)
    sk("svc_platt", SVC(probability=True, random_state=0), tolerance=PLATT)
    sk("svc_platt_linear", SVC(kernel="linear", probability=True, random_state=0), tolerance=PLATT)
    sk("neighbours_by_distance", KNeighborsClassifier(7, weights="distance"), converter=apart)
    sk("sgd_log", SGDClassifier(loss="log_loss", random_state=0))
    for name, linear in {
        "linear_svc": LinearSVC(),
        "sgd": SGDClassifier(random_state=0),
        "ridge": RidgeClassifier(),
    }.items():
        sk(name, linear)
    sk("neighbours", KNeighborsClassifier(15))
    sk(
        "float64_forest",
        RandomForestClassifier(20, random_state=0),
        types=[("X", DoubleTensorType([None, 7]))],
    )
    sk("float64_svc", SVC(), types=[("X", DoubleTensorType([None, 7]))])
    sk(
        "float64_platt",
        SVC(probability=True, random_state=0),
        types=[("X", DoubleTensorType([None, 7]))],
        tolerance=PLATT,
    )
    sk(
        "float64_gradient",
        GradientBoostingClassifier(random_state=0),
        types=[("X", DoubleTensorType([None, 7]))],
    )
    for opset in (9, 12, 15, 21):
        sk(f"opset_{opset}", LogisticRegression(), target_opset={"": opset, "ai.onnx.ml": 1})
    sk("ml_opset_3", RandomForestClassifier(20, random_state=0), target_opset={"": 15, "ai.onnx.ml": 3})


def pipelines() -> None:
    """The scaler in the graph, in the forms in which exporters write it."""
    for name, classifier in {
        "logreg": LogisticRegression(),
        "svc": SVC(),
        "forest": RandomForestClassifier(20, random_state=0),
        "gradient": GradientBoostingClassifier(random_state=0),
        "tree": DecisionTreeClassifier(random_state=0),
        "mlp": MLPClassifier((16,), max_iter=400, random_state=0),
        "adaboost": AdaBoostClassifier(n_estimators=20, random_state=0),
        "sgd": SGDClassifier(random_state=0),
    }.items():
        pipe(f"pipeline_{name}", make_pipeline(StandardScaler(), classifier), remark="scaled by the model")
    pipe(
        "pipeline_platt",
        make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)),
        tolerance=PLATT,
    )
    pipe("pipeline_none", make_pipeline(StandardScaler(), LogisticRegression()), scaler=None)
    pipe("robust_none", make_pipeline(RobustScaler(), LogisticRegression()), scaler=None)
    pipe("min_max_none", make_pipeline(MinMaxScaler(), SVC()), scaler=None)
    for name, other in (("passthrough", None), ("passthrough_beside", SCALER)):
        columns = ColumnTransformer([("p", "passthrough", [6, 4]), ("s", StandardScaler(), [0, 1, 2, 3, 5])])
        model = make_pipeline(columns, LogisticRegression())
        pipe(f"columns_{name}", model, scaler=other, remark="scaled by the model")
    pipe("pipeline_none_svc", make_pipeline(StandardScaler(), SVC()), scaler=None)
    pipe(
        "pipeline_double",
        make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)),
        types=[("X", DoubleTensorType([None, 7]))],
        scaler=None,
    )
    for div in ("div", "div_cast"):
        for name, classifier in {
            "logreg": LogisticRegression(),
            "forest": RandomForestClassifier(20, random_state=0),
        }.items():
            model = make_pipeline(StandardScaler(), classifier).fit(X, Y)
            chance = model.predict_proba(T)[:, 1]
            graph = convert_with(model, {StandardScaler: {"div": div}})
            save(f"pipeline_{div}_{name}", graph, model.predict(T) == 1, chance, scaler=model[0])
    frame = pd.DataFrame(X, columns=list(NAMES))
    asked = pd.DataFrame(T, columns=list(NAMES))
    every = [(name, FloatTensorType([None, 1])) for name in NAMES]
    whole = [*every[:-1], (NAMES[-1], Int64TensorType([None, 1]))]
    for name, classifier in {
        "logreg": LogisticRegression(),
        "forest": RandomForestClassifier(20, random_state=0),
    }.items():
        columns = ColumnTransformer([("num", StandardScaler(), list(range(6)))], remainder="passthrough")
        pipe(f"columns_{name}", make_pipeline(columns, classifier), scaler=SCALER)
        columns = ColumnTransformer([("num", StandardScaler(), list(NAMES[:6]))], remainder="passthrough")
        for form, types in (("seven", every), ("seven_whole", whole)):
            model = make_pipeline(columns, classifier).fit(frame, Y)
            chance = model.predict_proba(asked)[:, 1]
            graph = convert(model, types)
            save(
                f"{form}_{name}",
                graph,
                model.predict(asked) == 1,
                chance,
                scaler=None if form == "seven" and name == "logreg" else SCALER,
            )
    old = (
        "Temperature_C",
        "Humidity",
        "Wind_speed_kmph",
        "Wind_bearing_degrees",
        "Visibility_km",
        "Pressure_millibars",
        "Current_weather_condition",
    )
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    graph = to_onnx(model, pd.DataFrame(X[:1].astype(np.float32), columns=list(old)))
    save("seven_old_names", graph, model.predict(T) == 1, model.predict_proba(T)[:, 1], scaler=model[0])
    inner = make_pipeline(StandardScaler(), LogisticRegression())  # fitted on what was scaled already
    sk("scaled_twice_on_purpose", inner, remark="scaled by the scaler")
    # Trees that were never scaled, and a scaler that has nothing to do with them.
    sk("raw_forest", RandomForestClassifier(20, random_state=0), fit=X, ask=T, remark="scaled by the model")
    sk(
        "cannot_be_told",
        make_pipeline(ColumnTransformer([("h", "passthrough", [1])]), DecisionTreeClassifier(max_depth=3)),
        fit=X,
        ask=T,
        y=(X[:, 1] > 0.8).astype(int),
        refused="cannot determine whether the model scales its input itself",
    )
    sk(
        "told_raw",
        make_pipeline(ColumnTransformer([("h", "passthrough", [1])]), DecisionTreeClassifier(max_depth=3)),
        fit=X,
        ask=T,
        y=(X[:, 1] > 0.8).astype(int),
        input="raw",
    )
    sk("none_but_needed", LogisticRegression(), scaler=None, refused="has no scaler of its own")


def convert_with(model: object, options: object) -> object:
    """By skl2onnx with options for all models of a class."""
    from skl2onnx import convert_sklearn

    from tests.producers.cases.base import INPUT

    return convert_sklearn(model, initial_types=INPUT, options=options)


def main() -> None:
    """All of them."""
    behind()
    pipelines()
