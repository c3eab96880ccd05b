"""Forecasts to output tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from weather.contract.faults import Fault
from weather.http.problems import bad_request

PROBABILITY = "probability"
PREDICTION = "prediction"

DATATYPES = {PROBABILITY: "FP32", PREDICTION: "BYTES"}
"""The output tensors of a calibrated model, each of shape [n, 1]; an uncalibrated one has no probability."""

EXTENSIONS = ("classification", "shared_memory_region")
"""Parameters of Triton's that change what an output is: a client that sends them relies on it."""


@dataclass(frozen=True)
class Forecasts:
    """n forecasts: the words of the decisions, and the probabilities or n times None."""

    predictions: Sequence[str]
    probabilities: Sequence[float | None]


@dataclass(frozen=True)
class OutputTensor:
    """One output of a response, its data in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, int]
    data: Sequence[float | str | None]


def names(calibrated: bool) -> list[str]:
    """The names of a model's output tensors."""
    return [name for name in DATATYPES if calibrated or name != PROBABILITY]


def chosen(requested: Sequence[str], calibrated: bool) -> list[str]:
    """The outputs to answer with, all if none is requested.

    Raises:
        Problem: 400, for a name that the model does not have, and for one that is requested twice.
    """
    known = names(calibrated)
    faults = []
    for index, name in enumerate(requested):
        if name not in known:
            reason = "the model is not calibrated" if name == PROBABILITY else f"{name[:64]} is not an output"
            message = f"{reason}; the outputs are {', '.join(known)}"
            faults.append(Fault(["outputs", index, "name"], message, "unknown_tensor"))
        elif name in requested[:index]:
            faults.append(Fault(["outputs", index, "name"], f"{name} is requested twice", "repeated_tensor"))
        if len(faults) > len(DATATYPES):
            break
    if faults:
        raise bad_request(faults)
    return list(requested) or known


def extension_faults(index: int, parameters: Mapping[str, object]) -> Iterator[Fault]:
    """Refuse the parameters of a requested output that would have to be heeded, and can't be."""
    for name in EXTENSIONS:
        if parameters.get(name):
            message = f"the output parameter {name} is not supported"
            yield Fault(["outputs", index, "parameters", name], message, "unsupported")


def tensors(forecasts: Forecasts, wanted: Sequence[str]) -> list[OutputTensor]:
    """The output tensors named ``wanted``, in that order."""
    data: dict[str, Sequence[float | str | None]] = {
        PROBABILITY: forecasts.probabilities,
        PREDICTION: forecasts.predictions,
    }
    return [OutputTensor(name, DATATYPES[name], (len(data[name]), 1), data[name]) for name in wanted]
