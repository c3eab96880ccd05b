"""Detects whether a graph scales its input itself, by its results for raw and for scaled rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from weather.contract.variables import FEATURES
from weather.importing.reading.hints import InputKind
from weather.importing.reading.scaler import Scaler
from weather.importing.understanding.original import Arrays, Original, columns_of
from weather.importing.understanding.probes import observations
from weather.importing.understanding.roles import Roles, is_probability

BOTH: tuple[tuple[InputKind, InputKind], ...] = (("raw", "scaled"), ("scaled", "raw"))

ROWS = 512

MIN_EFFECT = 0.004
"""A field has an effect if other values of it change the probability by more than this on average."""

MAX_DEAD_EFFECT = 0.05
"""A field is dead in rows of one kind if its effect is less than this share of that in the other kind."""

DEAD_RATIO = 3
"""Minimum ratio between the numbers of dead fields in the wrong and in the right kind of rows."""

MIN_DEAD_FIELDS = 3
"""A graph with the scaler's constants takes scaled rows only if this many fields are dead in raw rows."""


@dataclass(frozen=True)
class Verdict:
    """The kind of input that a graph takes, None if undetermined, and the reason in words.

    It is not ``sure`` if raw and scaled rows give the same results.
    """

    input_kind: InputKind | None
    reason: str
    sure: bool = True


def detect_input_kind(original: Original, roles: Roles, scaler: Scaler, order: tuple[str, ...]) -> Verdict:
    """Detect the kind of input by running the graph on the same observations, raw and scaled.

    With the wrong kind, some fields have no effect: 1,016 mbar is far above every threshold of trees that
    were trained on -3 ... 3, and the sigmoid of a weight times 1,016 is 0 or 1 for all other values.
    """
    rng = np.random.default_rng(3)
    places = [FEATURES.index(name) for name in order]
    rows = observations(scaler, ROWS, rng)
    changed = [_replace_field(rows, observations(scaler, ROWS, rng), field) for field in range(len(FEATURES))]
    kinds: dict[InputKind, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "raw": lambda x: x[:, places],
        "scaled": lambda x: scaler.transform(x)[:, places],
    }
    plain: dict[InputKind, Arrays] = {kind: original.run(prepare(rows)) for kind, prepare in kinds.items()}
    measures = {kind: _Measures.by(roles, plain, kind) for kind in kinds}
    answers = {kind: measures[kind].of(plain[kind]) for kind in kinds}
    effect = {kind: np.empty((len(FEATURES), len(answers[kind]))) for kind in kinds}
    for kind, prepare in kinds.items():
        for field in range(len(FEATURES)):
            varied = measures[kind].of(original.run(prepare(changed[field])))
            effect[kind][field] = np.abs(varied - answers[kind]).mean(axis=1)
    constants = contains_scaler_constants(original.model, scaler)
    if _same_answers(plain, roles):
        reason = "raw and scaled rows get the same results"
        return Verdict("raw" if constants else "scaled", reason, sure=False)
    for raw, scaled in zip(effect["raw"].T, effect["scaled"].T, strict=True):
        verdict = _by_effect({"raw": raw, "scaled": scaled}, constants)
        if verdict is not None:
            return verdict
    if constants:
        return Verdict("raw", "its constants contain the scaler's means and scales")
    return Verdict(None, "raw and scaled rows get different results, and both are plausible")


def _by_effect(effect: Mapping[InputKind, NDArray[np.float64]], constants: bool) -> Verdict | None:
    """The verdict from the effects float64[7] of the fields on one measure; None if it is not clear."""
    dead = {kind: _dead_fields(effect[kind], effect[other]) for kind, other in BOTH}
    for kind, other in BOTH:
        if dead[other] and len(dead[other]) >= DEAD_RATIO * len(dead[kind]):
            if constants and kind == "scaled" and len(dead[other]) < MIN_DEAD_FIELDS:
                return None
            fields = (
                "no field has an effect"
                if len(dead[other]) == len(FEATURES)
                else (f"{', '.join(dead[other])} {'has' if len(dead[other]) == 1 else 'have'} no effect")
            )
            return Verdict(kind, f"in {other} rows {fields}")
    return None


def _dead_fields(effect: NDArray[np.float64], other: NDArray[np.float64]) -> list[str]:
    """The fields without ``effect`` in one kind of rows that have one in the ``other`` kind."""
    return [
        FEATURES[field] for field in np.flatnonzero((other > MIN_EFFECT) & (effect < MAX_DEAD_EFFECT * other))
    ]


@dataclass(frozen=True)
class _Measures:
    """The measures by which results are compared, each within 0 ... 1, the most informative first.

    These are the probability, or the rank of another score among ``scores``, those of one kind of rows; and
    whether the label is ``label``, one of the two.
    """

    roles: Roles
    label: object
    scores: NDArray[np.float64] | None

    @staticmethod
    def by(roles: Roles, plain: Mapping[InputKind, Arrays], kind: InputKind) -> _Measures:
        """The measures for rows of one kind; ``plain`` are the outputs for rows of both kinds."""
        label = None if roles.label is None else plain["raw"][roles.label].reshape(-1)[0]
        if not roles.score or any(is_probability(columns_of(roles.score, a)) for a in plain.values()):
            return _Measures(roles, label, None)
        return _Measures(roles, label, np.sort(_scores(roles, plain[kind])))

    def of(self, arrays: Arrays) -> NDArray[np.float64]:
        """float64[k, n]: k measures of the outputs for n rows."""
        measures = []
        if self.scores is not None:
            measures.append(np.searchsorted(self.scores, _scores(self.roles, arrays)) / len(self.scores))
        elif self.roles.score:
            measures.append(_scores(self.roles, arrays).clip(0, 1))
        if self.roles.label is not None:
            measures.append(arrays[self.roles.label].reshape(-1) == self.label)
        return np.array(measures, np.float64)


def _same_answers(plain: Mapping[InputKind, Arrays], roles: Roles) -> bool:
    """Whether rows of both kinds get the same results."""
    if roles.label is not None and (plain["raw"][roles.label] != plain["scaled"][roles.label]).any():
        return False
    if not roles.score:
        return True
    return bool((np.abs(_scores(roles, plain["raw"]) - _scores(roles, plain["scaled"])) <= 1e-6).all())


def _scores(roles: Roles, arrays: Arrays) -> NDArray[np.float64]:
    """float64[n]: the probability of the second class, or a score that increases with it."""
    columns = np.nan_to_num(columns_of(roles.score, arrays), posinf=1e9, neginf=-1e9)
    if columns.shape[1] == 1 or is_probability(columns):
        return np.asarray(columns[:, -1])
    return np.asarray(columns[:, 1] - columns[:, 0])


def _replace_field(rows: NDArray[np.float64], other: NDArray[np.float64], field: int) -> NDArray[np.float64]:
    changed = rows.copy()
    changed[:, field] = other[:, field]
    return changed


def contains_scaler_constants(model: onnx.ModelProto, scaler: Scaler) -> bool:
    """Whether the graph's constants contain the scaler's means and its scales or their inverses."""
    names = [name for name in FEATURES if abs(scaler.mean[FEATURES.index(name)]) > 1e-6]
    means = {np.float32(scaler.mean[FEATURES.index(name)]) for name in names}
    scales = {np.float32(scaler.scale[FEATURES.index(name)]) for name in names}
    inverses = {np.float32(1 / scaler.scale[FEATURES.index(name)]) for name in names}
    held = {np.float32(value) for vector in _vectors(model) for value in vector}
    return len(means & held) >= len(means) - 1 > 0 and (
        len(scales & held) >= len(scales) - 1 or len(inverses & held) >= len(inverses) - 1
    )


def _vectors(model: onnx.ModelProto) -> Iterator[NDArray[np.float64]]:
    """All vectors of at most seven values among the graph's constants and node attributes."""
    for tensor in model.graph.initializer:
        if np.prod(tensor.dims, dtype=float) <= len(FEATURES) and tensor.data_type in (1, 11):
            yield numpy_helper.to_array(tensor).ravel()
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and np.prod(attribute.t.dims, dtype=float) <= len(FEATURES):
                yield np.asarray(numpy_helper.to_array(attribute.t), np.float64).ravel()
            elif node.op_type == "Scaler" and attribute.floats:
                yield np.array(attribute.floats)
