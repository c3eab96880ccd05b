"""Small models of the commonest kinds: a few kB each, for the fixtures that are committed."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from onnxmltools.convert import convert_lightgbm, convert_xgboost
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.svm import SVC

from tests.producers.cases.base import NAMES, TZ, T, X, Y, Z, convert, pipe, save, sk, written
from tests.producers.cases.boosting_cases import ONNXMLTOOLS, cat

FEW = slice(0, 250)
MIXED = [5, 1, 6, 0, 4, 2, 3]


def main() -> None:
    """All of them."""
    sk("small_svc", SVC(), fit=Z[FEW], y=Y[FEW])
    sk("small_svc_platt", SVC(probability=True, random_state=0), fit=Z[FEW], y=Y[FEW], tolerance=5e-3)
    sk("small_svc_words", SVC(), fit=Z[FEW], y=np.where(Y[FEW], "Rain", "No_Rain"), rain="Rain")
    sk("small_forest", RandomForestClassifier(10, max_depth=4, random_state=0))
    sk("small_gradient", GradientBoostingClassifier(n_estimators=8, random_state=0))
    forest = RandomForestClassifier(10, max_depth=4, random_state=0)
    pipe("small_pipeline_forest", make_pipeline(StandardScaler(), forest), remark="scaled by the model")
    few_trees = RandomForestClassifier(10, max_depth=4, random_state=0)
    sk("small_float64_forest", few_trees, types=[("X", DoubleTensorType([None, 7]))])
    frame = pd.DataFrame(X, columns=list(NAMES)).iloc[:, MIXED]
    scaler = StandardScaler().fit(frame)
    asked = scaler.transform(pd.DataFrame(T, columns=list(NAMES)).iloc[:, MIXED])
    few_trees = RandomForestClassifier(10, max_depth=4, random_state=0)
    sk("small_names_mixed", few_trees, scaler=scaler, fit=scaler.transform(frame), ask=asked)
    boosted = xgboost.XGBClassifier(n_estimators=10, max_depth=4).fit(Z, Y)
    graph = convert_xgboost(boosted, initial_types=ONNXMLTOOLS)
    save("small_xgboost", graph, boosted.predict(TZ) == 1, boosted.predict_proba(TZ)[:, 1])
    light = lightgbm.LGBMClassifier(n_estimators=10, num_leaves=8, verbose=-1).fit(Z, Y)
    graph = convert_lightgbm(light, initial_types=ONNXMLTOOLS)
    save("small_lightgbm", graph, light.predict(TZ) == 1, light.predict_proba(TZ)[:, 1])
    cat("small_catboost", Y, 1, iterations=10, depth=4)
    cat("small_catboost_one_two", np.where(Y, 1, 2), 1, iterations=10, depth=4, rain_label="1")
    chance = xgboost.XGBClassifier(objective="multi:softprob", num_class=2, n_estimators=6, max_depth=4)
    graph = convert_xgboost(chance.fit(Z, Y), initial_types=ONNXMLTOOLS)
    probability = chance.predict_proba(TZ)[:, 1]
    save("small_xgboost_softprob", graph, probability > 0.5, probability)
    regressor = xgboost.XGBRegressor(n_estimators=6, max_depth=4, objective="binary:logistic").fit(Z, Y)
    graph = convert_xgboost(regressor, initial_types=ONNXMLTOOLS)
    chance = regressor.predict(TZ)
    save("small_xgboost_regressor", graph, chance > 0.5, chance, refused="if it is a logit, give")
    sk("small_svc_columns", SVC(), fit=Z[FEW], y=Y[FEW], options={"zipmap": "columns"})
    only = StandardScaler(with_mean=False).fit(X)
    few_trees = RandomForestClassifier(10, max_depth=4, random_state=0)
    sk("small_only_scales", few_trees, scaler=only, fit=only.transform(X), ask=only.transform(T))
    robust = make_pipeline(RobustScaler(), RandomForestClassifier(10, max_depth=4, random_state=0))
    robust.fit(X, Y)
    graph = convert(robust)
    answers = robust.predict(T) == 1, robust.predict_proba(T)[:, 1]
    rounded = {"written": written(graph, T), "otherwise": 0.05}
    remark = "its trees compare values that it computes in float32"
    save("small_robust_none", graph, *answers, scaler=None, remark=remark, **rounded)
