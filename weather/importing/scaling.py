"""Whether a graph scales its input itself, told by what it does with raw and with scaled rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from weather.contract.variables import FEATURES
from weather.importing.hints import Takes
from weather.importing.original import Arrays, Original, columns_of
from weather.importing.probes import observations
from weather.importing.roles import Roles, is_probability
from weather.importing.scaler import Scaler

BOTH: tuple[tuple[Takes, Takes], ...] = (("raw", "scaled"), ("scaled", "raw"))

ROWS = 512

ALIVE = 0.004
"""A field counts in the answers if another value of it changes the probability by this on average."""

DEAD = 0.05
"""... and does not if it changes it by less than this part of what it changes the other way."""


SURE = 3
"""Fields that must count in scaled rows alone, where the graph holds the scaler's constants."""


@dataclass(frozen=True)
class Verdict:
    """What the graph takes, None if that can't be told, and the reason in words; not ``sure`` where it
    makes no difference.
    """

    takes: Takes | None
    reason: str
    sure: bool = True


def who_scales(original: Original, roles: Roles, scaler: Scaler, order: tuple[str, ...]) -> Verdict:
    """Show the graph the same observations raw and scaled.

    Where it expects the other kind, fields fall dead: 1,016 mbar is far above every threshold of trees
    that saw -3 ... 3, and a sigmoid of a weight times 1,016 is 0 or 1 whatever else there is. Measured
    on 29 kinds of scikit-learn, XGBoost and LightGBM models, fitted on 150 to 8,000 rows, behind a
    scaler and with one inside: 260 told, all rightly, and 8 not told (constants decide those).
    """
    rng = np.random.default_rng(3)
    places = [FEATURES.index(name) for name in order]
    rows = observations(scaler, ROWS, rng)
    changed = [_with(rows, observations(scaler, ROWS, rng), field) for field in range(len(FEATURES))]
    kinds: dict[Takes, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "raw": lambda x: x[:, places],
        "scaled": lambda x: scaler.transform(x)[:, places],
    }
    plain: dict[Takes, Arrays] = {kind: original.run(prepare(rows)) for kind, prepare in kinds.items()}
    label = None if roles.label is None else plain["raw"][roles.label].reshape(-1)[0]
    answers = {kind: _answers(arrays, roles, label) for kind, arrays in plain.items()}
    effect: dict[Takes, list[float]] = {
        kind: [
            np.abs(_answers(original.run(prepare(x)), roles, label).bounded - answers[kind].bounded).mean()
            for x in changed
        ]
        for kind, prepare in kinds.items()
    }
    constants = holds_constants(original.model, scaler)
    if np.allclose(answers["raw"].bounded, answers["scaled"].bounded, rtol=0, atol=1e-6):
        return Verdict(
            "raw" if constants else "scaled", "raw and scaled rows get the same answers", sure=False
        )
    alive: dict[Takes, list[str]] = {
        kind: [
            name
            for name, here, there in zip(FEATURES, effect[kind], effect[other], strict=True)
            if here > ALIVE and there < DEAD * here
        ]
        for kind, other in BOTH
    }
    for kind, other in BOTH:
        if alive[kind] and not alive[other] and not answers[other].nearer(answers[kind]):
            if constants and kind == "scaled" and len(alive[kind]) < SURE:
                break
            return Verdict(kind, f"only in {kind} rows {', '.join(alive[kind])} count")
    if constants:
        return Verdict("raw", "it has the scaler's means and scales among its constants")
    return Verdict(None, f"as many fields count in raw rows ({len(alive['raw'])} fields) as in scaled ones")


@dataclass(frozen=True)
class _Answers:
    """The answers to n rows: ``bounded``, within 0 ... 1, is the probability or else the label;
    ``score`` is what is no probability.
    """

    bounded: NDArray[np.float64]
    score: NDArray[np.float64] | None = None

    def nearer(self, other: _Answers) -> bool:
        """Whether these scores vary and are the smaller ones: raw rows make a linear score large, and
        scaled ones given to a graph that scales them again, too.
        """
        if self.score is None or other.score is None or np.ptp(self.score) < 1e-6:
            return False
        return bool(np.median(np.abs(self.score)) < np.median(np.abs(other.score)))


def _answers(arrays: Arrays, roles: Roles, label: object) -> _Answers:
    """``label`` is either of the two labels."""
    score = None
    if roles.score:
        columns = np.nan_to_num(columns_of(roles.score, arrays))
        if is_probability(columns):
            return _Answers(columns[:, -1])
        score = columns[:, -1] - (columns[:, 0] if columns.shape[1] == 2 else 0)
    if roles.label is None:
        assert score is not None, "there is a label or a score"
        return _Answers((score > 0).astype(np.float64), score)
    return _Answers((arrays[roles.label].reshape(-1) == label).astype(np.float64), score)


def _with(rows: NDArray[np.float64], other: NDArray[np.float64], field: int) -> NDArray[np.float64]:
    changed = rows.copy()
    changed[:, field] = other[:, field]
    return changed


def holds_constants(model: onnx.ModelProto, scaler: Scaler) -> bool:
    """Whether the scaler's means and its scales, or their inverses, stand among the graph's constants."""
    names = [name for name in FEATURES if abs(scaler.mean[FEATURES.index(name)]) > 1e-6]
    means = {np.float32(scaler.mean[FEATURES.index(name)]) for name in names}
    scales = {np.float32(scaler.scale[FEATURES.index(name)]) for name in names}
    inverses = {np.float32(1 / scaler.scale[FEATURES.index(name)]) for name in names}
    held = {np.float32(value) for vector in _vectors(model) for value in vector}
    return len(means & held) >= len(means) - 1 > 0 and (
        len(scales & held) >= len(scales) - 1 or len(inverses & held) >= len(inverses) - 1
    )


def _vectors(model: onnx.ModelProto) -> Iterator[NDArray[np.float64]]:
    """Every short vector among the graph's constants and its nodes' attributes."""
    for tensor in model.graph.initializer:
        if np.prod(tensor.dims, dtype=float) <= len(FEATURES) and tensor.data_type in (1, 11):
            yield numpy_helper.to_array(tensor).ravel()
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and np.prod(attribute.t.dims, dtype=float) <= len(FEATURES):
                yield np.asarray(numpy_helper.to_array(attribute.t), np.float64).ravel()
            elif node.op_type == "Scaler" and attribute.floats:
                yield np.array(attribute.floats)
