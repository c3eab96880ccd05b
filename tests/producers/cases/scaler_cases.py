"""Scalers in every file format, on other units, in other orders; and what is no scaler."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from tests.producers.cases.base import NAMES, SCALER, T, X, Y, Z, convert, save, sk

OLD_NAMES = (
    "Temperature_C",
    "Humidity",
    "Wind_speed_kmph",
    "Wind_bearing_degrees",
    "Visibility_km",
    "Pressure_millibars",
    "Current_weather_condition",
)


def main() -> None:
    """All of them."""
    forms: dict[str, Any] = {f"protocol_{n}": partial(pickled, protocol=n) for n in range(6)}
    forms |= {f"joblib_{n}": partial(joblib.dump, protocol=n) for n in range(2, 6)}
    forms |= {"joblib_plain": joblib.dump, "joblib_compress_3": partial(joblib.dump, compress=3)}
    for method in ("zlib", "gzip", "bz2", "lzma", "xz"):
        forms[f"joblib_{method}"] = partial(joblib.dump, compress=(method, 5))
    for name, opened in (("gzip", gzip.open), ("bz2", bz2.open), ("xz", lzma.open)):
        forms[f"pickle_{name}"] = partial(through, opened)
    named = StandardScaler().fit(pd.DataFrame(X, columns=list(NAMES)))
    for name, dump in forms.items():
        sk(f"form_{name}", LogisticRegression(), dump=dump)
        sk(f"form_{name}_named", LogisticRegression(), dump=dump, scaler=named)
    old = StandardScaler().fit(pd.DataFrame(X, columns=list(OLD_NAMES)))
    sk("names_old", LogisticRegression(), scaler=old)
    output = StandardScaler().set_output(transform="pandas").fit(pd.DataFrame(X, columns=list(NAMES)))
    sk("names_pandas_output", LogisticRegression(), scaler=output)
    single = StandardScaler().fit(X.astype(np.float32))
    sk(
        "fitted_on_float32",
        LogisticRegression(),
        scaler=single,
        fit=single.transform(X),
        ask=single.transform(T),
    )
    for option in ("with_mean", "with_std"):
        part = StandardScaler(**{option: False}).fit(X)
        sk(
            f"{option}_false",
            RandomForestClassifier(10, random_state=0),
            scaler=part,
            fit=part.transform(X),
            ask=part.transform(T),
        )
    orders()
    units()
    others()


def orders() -> None:
    """Columns in another order than the contract's."""
    mixed = [5, 1, 6, 0, 4, 2, 3]
    for name, columns in (("names_mixed", NAMES), ("names_mixed_old", OLD_NAMES)):
        frame = pd.DataFrame(X, columns=list(columns)).iloc[:, mixed]
        scaler = StandardScaler().fit(frame)
        asked = scaler.transform(pd.DataFrame(T, columns=list(columns)).iloc[:, mixed])
        sk(
            name,
            RandomForestClassifier(20, random_state=0),
            scaler=scaler,
            fit=scaler.transform(frame),
            ask=asked,
            remark="in the order pressure_millibars, humidity",
        )
    frame = pd.DataFrame(X, columns=list(NAMES)).iloc[:, mixed]
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)).fit(frame, Y)
    asked = pd.DataFrame(T, columns=list(NAMES)).iloc[:, mixed]
    save(
        "names_mixed_pipeline",
        convert(pipeline),
        pipeline.predict(asked) == 1,
        pipeline.predict_proba(asked)[:, 1],
        scaler=pipeline[0],
    )
    scaler = StandardScaler().fit(X[:, mixed])
    sk(
        "order_without_names",
        LogisticRegression(),
        scaler=scaler,
        fit=scaler.transform(X[:, mixed]),
        ask=scaler.transform(T[:, mixed]),
        refused="are the columns in another order",
    )
    strange = pd.DataFrame(X, columns=[f"x{i}" for i in range(7)])
    sk(
        "names_unknown",
        LogisticRegression(),
        scaler=StandardScaler().fit(strange),
        remark="assumed to be temp_c",
    )
    half = pd.DataFrame(X, columns=["temp_c", "a", "b", "c", "visibility_km", "e", "f"])
    sk(
        "names_half_known",
        LogisticRegression(),
        scaler=StandardScaler().fit(half),
        remark="assumed to be temp_c",
    )
    half = pd.DataFrame(X, columns=["a", "temp_c", "b", "c", "visibility_km", "e", "f"])
    sk(
        "names_half_wrong",
        LogisticRegression(),
        scaler=StandardScaler().fit(half),
        refused="in an order that is ambiguous",
    )
    fahrenheit = pd.DataFrame(
        X * [1.8, 1, 1, 1, 1, 1, 1] + [32, 0, 0, 0, 0, 0, 0], columns=["temp_f", *NAMES[1:]]
    )
    sk(
        "names_fahrenheit",
        LogisticRegression(),
        scaler=StandardScaler().fit(fahrenheit),
        refused="temp_f is not in the contract's unit",
    )


def units() -> None:
    """Other units than the contract's."""
    for name, factor, shift, pattern in (
        ("humidity_percent", (1, 100), 0, "humidity's mean is 6.*in percent"),
        ("kelvin", (0, 1), 273.15, "temp_c's mean is 28.*in kelvin"),
        ("pascal", (5, 100), 0, "pressure_millibars's mean is 1.*in pascals"),
        ("inches", (5, 1 / 33.8639), 0, "in inches of mercury"),
        ("metres", (4, 1000), 0, "visibility_km's mean is 1.*in metres"),
    ):
        x = X.copy()
        x[:, factor[0]] = x[:, factor[0]] * factor[1] + shift
        scaler = StandardScaler().fit(x)
        save(
            f"unit_{name}",
            convert(LogisticRegression().fit(scaler.transform(x), Y)),
            scaler=scaler,
            refused=pattern,
        )


def others() -> None:
    """What is no StandardScaler of seven features."""
    graph = convert(LogisticRegression().fit(Z, Y))
    things: dict[str, tuple[Any, str]] = {
        "min_max": (MinMaxScaler().fit(X), "MinMaxScaler"),
        "robust": (RobustScaler().fit(X), "RobustScaler"),
        "pipeline": (make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), "--scaler none"),
        "columns": (ColumnTransformer([("n", StandardScaler(), [0, 1])]).fit(X), "--scaler none"),
        "six": (StandardScaler().fit(X[:, :6]), "scales 6 features"),
        "unfitted": (StandardScaler(), "never fitted"),
        "dictionary": ({"scaler": SCALER}, "something other than a fitted StandardScaler"),
        "array": (SCALER.mean_, "something other than a fitted StandardScaler"),
    }
    for name, (thing, pattern) in things.items():
        save(f"no_scaler_{name}", graph, scaler=thing, refused=pattern)
        save(f"no_scaler_{name}_joblib", graph, scaler=thing, dump=joblib.dump, refused=pattern)


def pickled(thing: Any, path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(thing, protocol=protocol))


def through(opened: Any, thing: Any, path: Path) -> None:
    with opened(path, "wb") as file:
        pickle.dump(thing, file)
