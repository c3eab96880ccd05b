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


MANY = 3
"""Times as many fields must be dead the other way, if some are this way."""

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
    that saw -3 ... 3, and a sigmoid of a weight times 1,016 is 0 or 1 whatever else there is.
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
    probable = (
        any(is_probability(columns_of(roles.score, a)) for a in plain.values()) if roles.score else False
    )
    answers = {kind: _answers(arrays, roles, label, probable) for kind, arrays in plain.items()}
    effect = {kind: np.empty((len(FEATURES), len(answers[kind].measures))) for kind in kinds}
    for kind, prepare in kinds.items():
        for field in range(len(FEATURES)):
            found = _answers(original.run(prepare(changed[field])), roles, label, probable)
            effect[kind][field] = np.abs(found.measures - answers[kind].measures).mean(axis=1)
    constants = holds_constants(original.model, scaler)
    if np.allclose(answers["raw"].measures, answers["scaled"].measures, rtol=0, atol=1e-6):
        reason = "raw and scaled rows get the same answers"
        return Verdict("raw" if constants else "scaled", reason, sure=False)
    dead = {kind: _dead(effect[kind], effect[other]) for kind, other in BOTH}
    for kind, other in BOTH:
        outvoted = len(dead[other]) >= MANY * len(dead[kind])
        if dead[other] and outvoted and not answers[other].nearer(answers[kind]):
            if constants and kind == "scaled" and len(dead[other]) < SURE:
                break
            fields = (
                "no field has an effect"
                if len(dead[other]) == len(FEATURES)
                else (f"{', '.join(dead[other])} {'has' if len(dead[other]) == 1 else 'have'} no effect")
            )
            return Verdict(kind, f"in {other} rows {fields}")
    if constants:
        return Verdict("raw", "it has the scaler's means and scales among its constants")
    return Verdict(None, "raw and scaled rows get different answers, and neither are like a wrong one's")


def _dead(effect: NDArray[np.float64], other: NDArray[np.float64]) -> list[str]:
    """Fields without ``effect`` that have one among the other rows, by any measure."""
    gone = np.any((other > ALIVE) & (effect < DEAD * other), axis=1)
    return [FEATURES[field] for field in np.flatnonzero(gone)]


@dataclass(frozen=True)
class _Answers:
    """The answers to n rows: ``measures`` float64[k, n] within 0 ... 1 are the label and, where there is
    one, the probability; ``score`` is a score that is none.
    """

    measures: NDArray[np.float64]
    score: NDArray[np.float64] | None = None

    def nearer(self, other: _Answers) -> bool:
        """Whether these scores vary and are much smaller: raw rows make a linear score large, and scaled
        ones given to a graph that scales them again, too.
        """
        if self.score is None or other.score is None or np.ptp(self.score) < 1e-6:
            return False
        return bool(4 * np.median(np.abs(self.score)) < np.median(np.abs(other.score)))


def _answers(arrays: Arrays, roles: Roles, label: object, probable: bool) -> _Answers:
    """``label`` is either of the two labels; ``probable`` says that the score is a probability."""
    measures, score = [], None
    if roles.score:
        columns = np.nan_to_num(columns_of(roles.score, arrays), posinf=1e9, neginf=-1e9)
        if probable:
            measures.append(columns[:, -1].clip(0, 1))
            score = columns[:, -1] - 0.5
        else:
            score = columns[:, -1] - (columns[:, 0] if columns.shape[1] == 2 else 0)
    if roles.label is not None:
        measures.append((arrays[roles.label].reshape(-1) == label).astype(np.float64))
    else:
        assert score is not None, "there is a label or a score"
        measures.append((score > 0).astype(np.float64))
    return _Answers(np.array(measures), None if len(measures) > 1 else score)


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
