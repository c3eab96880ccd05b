"""XGBoost, LightGBM and CatBoost, by onnxmltools and by CatBoost itself."""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import xgboost
from onnxmltools.convert import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as lightgbm_operator
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as xgboost_operator
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.producers.cases.base import INPUT, OUT, TZ, T, X, Y, Z, save

ONNXMLTOOLS = [("input", FloatTensorType([None, 7]))]
LIGHTGBM = 1e-3
"""LightGBM compares float64 values with float64 thresholds, which its ONNX file rounds to float32: a row
that lies on one takes the other branch of that one tree.
"""


def main() -> None:
    """All of them."""
    for name, classifier in {
        "xgboost": xgboost.XGBClassifier(),
        "xgboost_deep": xgboost.XGBClassifier(n_estimators=300, max_depth=8, learning_rate=0.05),
        "xgboost_weighted": xgboost.XGBClassifier(scale_pos_weight=5, n_estimators=50),
        "xgboost_hist": xgboost.XGBClassifier(tree_method="hist", max_bin=32, n_estimators=50),
        "xgboost_forest": xgboost.XGBRFClassifier(n_estimators=30),
    }.items():
        classifier.fit(Z, Y)
        graph = convert_xgboost(classifier, initial_types=ONNXMLTOOLS)
        save(name, graph, classifier.predict(TZ) == 1, classifier.predict_proba(TZ)[:, 1])
    for name, classifier in {
        "lightgbm": lightgbm.LGBMClassifier(verbose=-1),
        "lightgbm_small": lightgbm.LGBMClassifier(n_estimators=20, num_leaves=7, verbose=-1),
        "lightgbm_balanced": lightgbm.LGBMClassifier(is_unbalance=True, n_estimators=50, verbose=-1),
    }.items():
        classifier.fit(Z, Y)
        graph = convert_lightgbm(classifier, initial_types=ONNXMLTOOLS)
        save(name, graph, classifier.predict(TZ) == 1, classifier.predict_proba(TZ)[:, 1], tolerance=LIGHTGBM)
        if name == "lightgbm":
            graph = convert_lightgbm(classifier, initial_types=ONNXMLTOOLS, zipmap=False)
            save(
                "lightgbm_matrix",
                graph,
                classifier.predict(TZ) == 1,
                classifier.predict_proba(TZ)[:, 1],
                tolerance=LIGHTGBM,
            )
    regressor = xgboost.XGBRegressor(n_estimators=50, objective="binary:logistic").fit(Z, Y)
    chance = regressor.predict(TZ)
    graph = convert_xgboost(regressor, initial_types=ONNXMLTOOLS)
    save("xgboost_regressor", graph, chance > 0.5, chance, refused="if it is a logit, say so with --logit")
    # What onnxmltools 1.16 writes is neither the regressor's probability nor its logit.
    save("xgboost_regressor_told", graph, chance > 0.5, chance, logit=True, converter="apart")
    for name, y, rain in (("catboost", Y, 1), ("catboost_words", np.where(Y, "Rain", "No_Rain"), "Rain")):
        classifier = catboost.CatBoostClassifier(
            iterations=100, verbose=0, random_seed=0, allow_writing_files=False
        )
        classifier.fit(Z, y)
        OUT.mkdir(parents=True, exist_ok=True)
        path = OUT / f"{name}.onnx"
        classifier.save_model(str(path), format="onnx")
        at = list(classifier.classes_).index(rain)
        save(name, path.read_bytes(), classifier.predict(TZ) == rain, classifier.predict_proba(TZ)[:, at])
        path.unlink()
    pipelines()


def pipelines() -> None:
    """Boosting behind a scaler in one graph, by skl2onnx with the converters registered."""
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for model, operator in (
        (xgboost.XGBClassifier, xgboost_operator),
        (lightgbm.LGBMClassifier, lightgbm_operator),
    ):
        update_registered_converter(
            model,
            f"Test{model.__name__}",
            calculate_linear_classifier_output_shapes,
            operator,
            options=options,
        )
    for name, classifier, tolerance in (
        ("pipeline_xgboost", xgboost.XGBClassifier(n_estimators=50), 1e-5),
        ("pipeline_lightgbm", lightgbm.LGBMClassifier(n_estimators=50, verbose=-1), LIGHTGBM),
    ):
        pipeline = make_pipeline(StandardScaler(), classifier).fit(X, Y)
        graph = convert_sklearn(pipeline, initial_types=INPUT, target_opset={"": 15, "ai.onnx.ml": 2})
        save(
            name,
            graph,
            pipeline.predict(T) == 1,
            pipeline.predict_proba(T)[:, 1],
            scaler=pipeline[0],
            tolerance=tolerance,
        )
