"""XGBoost, LightGBM and CatBoost, by onnxmltools and by CatBoost itself."""

from __future__ import annotations

from typing import Any

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

from tests.producers.cases.base import INPUT, OUT, TZ, T, X, Y, Z, save, written

ONNXMLTOOLS = [("input", FloatTensorType([None, 7]))]


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
        # LightGBM compares float64 values with float64 thresholds, which its ONNX file rounds to float32.
        answers = classifier.predict(TZ) == 1, classifier.predict_proba(TZ)[:, 1]
        graph = convert_lightgbm(classifier, initial_types=ONNXMLTOOLS)
        save(name, graph, *answers, written=written(graph, TZ))
        if name == "lightgbm":
            graph = convert_lightgbm(classifier, initial_types=ONNXMLTOOLS, zipmap=False)
            save("lightgbm_matrix", graph, *answers, written=written(graph, TZ))
    # onnxmltools 1.16 writes the sum of this forest's trees and not their mean.
    forest = lightgbm.LGBMClassifier(
        boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, n_estimators=30, verbose=-1
    ).fit(Z, Y)
    graph = convert_lightgbm(forest, initial_types=ONNXMLTOOLS)
    answers = forest.predict(TZ) == 1, forest.predict_proba(TZ)[:, 1]
    save("lightgbm_forest", graph, *answers, converter="apart", input="scaled")
    regressor = xgboost.XGBRegressor(n_estimators=50, objective="binary:logistic").fit(Z, Y)
    chance = regressor.predict(TZ)
    graph = convert_xgboost(regressor, initial_types=ONNXMLTOOLS)
    save("xgboost_regressor", graph, chance > 0.5, chance, refused="if it is a logit, give --logit")
    # What onnxmltools 1.16 writes is neither the regressor's probability nor its logit.
    save("xgboost_regressor_told", graph, chance > 0.5, chance, logit=True, converter="apart")
    chance = xgboost.XGBClassifier(objective="multi:softprob", num_class=2, n_estimators=50).fit(Z, Y)
    graph = convert_xgboost(chance, initial_types=ONNXMLTOOLS)
    probability = chance.predict_proba(TZ)[:, 1]
    save("xgboost_softprob", graph, probability > 0.5, probability)
    for name, y, rain in (
        ("catboost", Y, 1),
        ("catboost_words", np.where(Y, "Rain", "No_Rain"), "Rain"),
        ("catboost_plus_minus", np.where(Y, 1, -1), 1),
        ("catboost_one_two", np.where(Y, 2, 1), 2),
    ):
        cat(name, y, rain)
    cat("catboost_one_is_rain", np.where(Y, 1, 2), 1, rain_label="1")
    pipelines()


def cat(name: str, y: Any, rain: object, *, iterations: int = 100, depth: int = 6, **more: Any) -> None:
    """CatBoost behind the scaler."""
    classifier = catboost.CatBoostClassifier(
        iterations=iterations, depth=depth, verbose=0, random_seed=0, allow_writing_files=False
    )
    classifier.fit(Z, y)
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.onnx"
    classifier.save_model(str(path), format="onnx")
    at = list(classifier.classes_).index(rain)
    label = np.ravel(classifier.predict(TZ)) == rain
    save(name, path.read_bytes(), label, classifier.predict_proba(TZ)[:, at], **more)
    path.unlink()


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
    for name, classifier in (
        ("pipeline_xgboost", xgboost.XGBClassifier(n_estimators=50)),
        ("pipeline_lightgbm", lightgbm.LGBMClassifier(n_estimators=50, verbose=-1)),
    ):
        pipeline = make_pipeline(StandardScaler(), classifier).fit(X, Y)
        graph = convert_sklearn(pipeline, initial_types=INPUT, target_opset={"": 15, "ai.onnx.ml": 2})
        alone = convert_sklearn(pipeline[1], initial_types=INPUT, target_opset={"": 15, "ai.onnx.ml": 2})
        save(
            name,
            graph,
            pipeline.predict(T) == 1,
            pipeline.predict_proba(T)[:, 1],
            scaler=pipeline[0],
            written=written(alone, pipeline[0].transform(T)),
        )
