"""Generates the rows on which a graph is interpreted and checked: observations and edge cases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from weather.contract.manifest import Manifest
from weather.contract.variables import BINARY, FEATURES
from weather.importing.reading import typical
from weather.importing.reading.scaler import Scaler
from weather.importing.reading.typical import LIMIT

UNIFORM_ROWS = 512
ROUNDED_ROWS = 512
THRESHOLD_ROWS = 64
"""Numbers of uniform rows, of rounded rows, and of rows on thresholds (per field)."""


def typical_scaler() -> Scaler:
    """The scaler to assume if the training data is unknown."""
    return Scaler(typical.MEAN, typical.SCALE)


def observations(scaler: Scaler, rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64[rows, 7] like the training data: normal with each field's mean and standard deviation.

    Values are rounded to about a hundredth of the standard deviation, as instruments do, so that they repeat
    and lie on thresholds of trees.
    """
    mean, scale = scaler.data
    values = rng.normal(mean, scale, size=(rows, len(FEATURES)))
    decimals = (2 - np.floor(np.log10(scale))).astype(int)  # the scale is bounded, see scaler.py
    for index, name in enumerate(FEATURES):
        if name in BINARY:
            values[:, index] = rng.random(rows) < mean[index]
        else:
            values[:, index] = values[:, index].round(decimals[index] - rng.integers(0, 2))
    return values.clip(*LIMIT.T)


def probe_rows(scaler: Scaler, manifest: Manifest | None, model: onnx.ModelProto) -> NDArray[np.float64]:
    """float64[n, 7]: rows of the self-check, in the contract's order and units.

    Uniform and rounded rows within the training range (the manifest's, else the mean +- 4 standard
    deviations); rows on thresholds of the graph's trees; the means; the edges and corners of the contract;
    and, for each optional field, rows without it.
    """
    rng = np.random.default_rng(7)
    mean, scale = scaler.data
    low, high = mean - 4 * scale, mean + 4 * scale
    for feature in manifest.features if manifest else ():
        index = FEATURES.index(feature.name)
        low[index], high[index] = feature.minimum, feature.maximum
    low, high = np.clip(low, *LIMIT.T), np.clip(high, *LIMIT.T)
    inside = rng.uniform(low, high, size=(UNIFORM_ROWS, len(FEATURES)))
    for index, name in enumerate(FEATURES):
        if name in BINARY:
            inside[:, index] = inside[:, index].round()
    middle = mean.clip(*LIMIT.T)
    edges = np.repeat(middle[None], 2 * len(FEATURES), axis=0)
    edges[np.arange(len(edges)), np.arange(len(edges)) // 2] = LIMIT.ravel()
    gridded = observations(scaler, ROUNDED_ROWS, rng).clip(low, high)
    incomplete = []
    for name in manifest.optional if manifest else ():
        without = inside.copy()
        without[:, FEATURES.index(name)] = np.nan
        incomplete.append(without)
    return np.concatenate(
        [inside, gridded, *_on_thresholds(model, scaler, rng), middle[None], edges, LIMIT.T, *incomplete]
    )


def _on_thresholds(
    model: onnx.ModelProto, scaler: Scaler, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """Observations with one field at a threshold of the graph's trees, of scaled or of raw rows."""
    for index, column in enumerate(scaler.order):
        field = FEATURES.index(column)
        per_tree = [values[at == index] for at, values in _thresholds(model)]
        thresholds = np.unique(np.concatenate([*per_tree, np.empty(0)]))
        low, high = LIMIT[field]
        for values in (thresholds * scaler.scale[field] + scaler.mean[field], thresholds):
            values = values[(values >= low) & (values <= high)]
            if len(values):
                rows = observations(scaler, THRESHOLD_ROWS, rng)
                rows[:, field] = rng.choice(values, THRESHOLD_ROWS)
                yield rows


def _thresholds(model: onnx.ModelProto) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Features and thresholds of the branches of the graph's trees."""
    for node in model.graph.node:
        named = {attribute.name: attribute for attribute in node.attribute}
        values = next(
            (named[n] for n in ("nodes_values", "nodes_values_as_tensor", "nodes_splits") if n in named), None
        )
        if values is not None and "nodes_featureids" in named:
            at = np.array(named["nodes_featureids"].ints)
            thresholds = np.asarray(_numbers(values), np.float64)
            modes = named["nodes_modes"].strings if "nodes_modes" in named else ()
            branches = np.array([mode != b"LEAF" for mode in modes] or [True] * len(at))
            if at.shape == thresholds.shape == branches.shape:
                yield at[branches], thresholds[branches]


def _numbers(attribute: onnx.AttributeProto) -> object:
    value = helper.get_attribute_value(attribute)
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
