"""Other classifiers, with which the card compares the model.

Each has a few settings, chosen as the model's are: without the fold that is forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler

from weather.training.cross_fitting import Estimator

LOGISTIC, SPLINES, BOOSTING = "logistic regression", "logistic with splines", "gradient boosting"


def _behind_imputer(*steps: object) -> Estimator:
    """A pipeline that replaces a missing visibility by the mean, or by 0 if it was never measured."""
    made: Estimator = make_pipeline(SimpleImputer(keep_empty_features=True), *steps)
    return made


def _logistic() -> Estimator:
    return _behind_imputer(StandardScaler(), LogisticRegression())


def _splines(c: float) -> Estimator:
    """Logistic regression on splines of each column and the products of all pairs."""
    return _behind_imputer(
        StandardScaler(),
        SplineTransformer(n_knots=3, degree=2, extrapolation="constant", include_bias=False),
        PolynomialFeatures(interaction_only=True, include_bias=False),
        LogisticRegression(C=c, solver="newton-cholesky"),
    )


def _boosting(iterations: int, leaves: int) -> Estimator:
    return _behind_imputer(
        HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=iterations, max_leaf_nodes=leaves, random_state=0
        )
    )


BASELINES: Mapping[str, Mapping[str, Callable[[], Estimator]]] = {
    LOGISTIC: {"as it comes": _logistic},
    SPLINES: {f"C {c:g}": partial(_splines, c) for c in (0.03, 0.1)},
    BOOSTING: {
        f"{iterations} trees of {leaves} leaves": partial(_boosting, iterations, leaves)
        for iterations, leaves in ((75, 6), (75, 12), (150, 6))
    },
}
"""The settings of each baseline by their names, as functions that make an estimator, not yet fitted."""
