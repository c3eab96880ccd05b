"""Prepares the imported graph for running and joining: removes ZipMap and frees the number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from weather.importing.errors import BadArtifact
from weather.importing.reading.onnx_file import parsed
from weather.importing.understanding.inputs import Inputs, read_inputs
from weather.importing.understanding.trees import with_standard_outputs
from weather.model.classifier import session

OPSET = 17
"""The default-domain opset of models that name none; ONNX Runtime has it since 1.12."""

MIN_OPSET = 9
IR_VERSION = 8

TIE = 1e-5

Arrays = dict[str, NDArray[Any]]
"""The outputs of a graph by name, each with one entry per row in its first dimension."""


@dataclass(frozen=True)
class Original:
    """A graph that takes any number of rows. ``zipped`` has the classes of each output that a ZipMap
    made a dictionary of.
    """

    model: onnx.ModelProto
    inputs: Inputs
    zipmap_classes: dict[str, list[object]]
    remarks: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of the outputs."""
        return [output.name for output in self.model.graph.output]

    def run(self, rows: NDArray[np.float64]) -> Arrays:
        """Run the graph in ONNX Runtime on float64[n, 7] rows in the graph's order of columns.

        Raises:
            BadArtifact: it can't run the graph.
        """
        return _run(self._session, self.inputs, rows)

    @cached_property
    def _session(self) -> Any:
        return _session(self.model)


def read_original(content: bytes, probe: NDArray[np.float64]) -> Original:
    """Read and check an ONNX model; ``probe`` float64[n, 7] are rows to run it on.

    Raises:
        BadArtifact: not ONNX, an opset that is too old, inputs that do not fit, or a fixed batch size
            that cannot be removed.
    """
    model = parsed(content)
    inputs = read_inputs(model)
    _check_model(model)
    model = with_standard_outputs(model)
    zipmap_classes = _remove_zipmaps(model)
    remarks = inputs.remarks
    if inputs.batch is not None:
        model = _with_free_batch(model, inputs, probe[: 4 * inputs.batch + 32])
        remarks += (f"the model had a fixed batch size of {inputs.batch}: it now takes any number of rows",)
        inputs = Inputs(inputs.columns, inputs.order, None)
    return Original(model, inputs, zipmap_classes, remarks)


def _check_model(model: onnx.ModelProto) -> None:
    opset = {o.domain: o.version for o in model.opset_import}
    if "" not in opset and "ai.onnx" not in opset:
        model.opset_import.append(helper.make_opsetid("", OPSET))
    elif (version := opset.get("", opset.get("ai.onnx", OPSET))) < MIN_OPSET:
        raise BadArtifact(f"the model's opset {version} is too old; convert it to {MIN_OPSET} or later")
    model.ir_version = max(model.ir_version, IR_VERSION)  # constants need not be inputs since 4
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # the checker's exceptions have no common base
        raise BadArtifact(f"the model is not valid ONNX: {str(error).strip()[:300]}") from error


def _remove_zipmaps(model: onnx.ModelProto) -> dict[str, list[object]]:
    """Replace each ZipMap output by the matrix that the ZipMap reads; returns the classes by output.

    Drops the types and shapes of outputs: exporters write wrong ones, and ONNX Runtime infers the right
    ones.
    """
    graph = model.graph
    zipmaps = {node.output[0]: node for node in graph.node if node.op_type == "ZipMap"}
    zipmap_classes: dict[str, list[object]] = {}
    outputs = []
    for output in graph.output:
        name = output.name
        if name in zipmaps:
            node = zipmaps[name]
            name = node.input[0]
            zipmap_classes[name] = classes_of(node)
        outputs.append(onnx.ValueInfoProto(name=name))
    kept = [node for node in graph.node if node.op_type != "ZipMap"]
    for field, values in ((graph.node, kept), (graph.output, outputs)):
        values = [type(value).FromString(value.SerializeToString()) for value in values]
        del field[:]
        field.extend(values)
    return zipmap_classes


def classes_of(node: onnx.NodeProto) -> list[object]:
    """The class labels that a node names, empty if it names none."""
    for attribute in node.attribute:
        if attribute.name.startswith("classlabels_"):
            return [*attribute.ints, *(text.decode(errors="replace") for text in attribute.strings)]
    return []


def _with_free_batch(model: onnx.ModelProto, inputs: Inputs, probe: NDArray[np.float64]) -> onnx.ModelProto:
    """The model with a free batch dimension, if its results for each row stay the same."""
    expected = _run(_session(model), inputs, probe)
    free = Inputs(inputs.columns, inputs.order, None)
    for patch in (_free_inputs, _free_reshapes):
        candidate = onnx.ModelProto()
        candidate.CopyFrom(model)
        for value in candidate.graph.input:
            if value.type.tensor_type.shape.dim:
                value.type.tensor_type.shape.dim[0].dim_param = "n"
        del candidate.graph.value_info[:]
        patch(candidate, inputs.batch or 1)
        try:
            if same_outputs(_run(_session(candidate), free, probe), expected):
                return candidate
        except BadArtifact:
            continue
    raise BadArtifact(
        f"the model has a fixed batch size of {inputs.batch}, and other batch sizes give other results: "
        "export it with a free first dimension (dynamic batch)"
    )


def _free_inputs(model: onnx.ModelProto, batch: int) -> None:
    """Change nothing else: only the dimensions of the input are freed."""


def _free_reshapes(model: onnx.ModelProto, batch: int) -> None:
    """Also free the batch dimension in the constant shapes of Reshape nodes."""
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    constants = [*model.graph.initializer, *_constants(model)]
    for tensor in constants:
        if tensor.name in shapes:
            shape = numpy_helper.to_array(tensor).copy()
            if shape.ndim == 1 and shape.size and shape[0] == batch:
                shape[0] = 0 if -1 in shape else -1
                tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def _constants(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The tensors of Constant nodes, named as the nodes' outputs."""
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            node.attribute[0].t.name = node.output[0]
            yield node.attribute[0].t


def same_outputs(actual: Arrays, expected: Arrays) -> bool:
    """Whether outputs are the same: floats to 1e-5, everything else exactly.

    Labels of tied rows are not compared: they depend on the last bit of a sum.
    """
    floats = [name for name, array in expected.items() if array.dtype.kind == "f"]
    tied = np.zeros(len(next(iter(expected.values()), ())), bool)
    for name in floats:
        ours, theirs = actual[name], expected[name]
        if ours.shape != theirs.shape or not np.allclose(ours, theirs, rtol=TIE, atol=TIE, equal_nan=True):
            return False
        if theirs[0].size == 2:
            tied |= np.abs(np.diff(theirs.reshape(-1, 2))[:, 0]) < TIE
        elif theirs[0].size == 1:
            tied |= np.abs(theirs.ravel() - 0.5) < TIE
    return all(
        actual[name].shape == array.shape and (actual[name] == array)[~tied].all()
        for name, array in expected.items()
        if name not in floats
    )


def columns_of(names: Sequence[str], arrays: Arrays) -> NDArray[np.float64]:
    """Outputs side by side, float64[n, k]."""
    return np.concatenate([arrays[n].astype(np.float64).reshape(len(arrays[n]), -1) for n in names], axis=1)


def _session(model: onnx.ModelProto) -> Any:
    try:
        return session(model.SerializeToString())
    except Exception as error:  # ONNX Runtime's exceptions have no common public base
        raise _run_error(error) from error


def _run(runtime: Any, inputs: Inputs, rows: NDArray[np.float64]) -> Arrays:
    """Run the graph; returns the outputs that are tensors with one entry per row.

    With a fixed batch size, the last row is repeated to fill the last batch.
    """
    batch = inputs.batch or len(rows)
    parts = []
    try:
        for first in range(0, len(rows), batch):
            part = rows[first : first + batch]
            padded = np.concatenate([part, np.repeat(part[-1:], batch - len(part), axis=0)])
            parts.append((len(part), runtime.run(None, inputs.feed(padded))))
    except Exception as error:  # ONNX Runtime's exceptions have no common public base
        raise _run_error(error) from error
    arrays = {}
    for index, output in enumerate(runtime.get_outputs()):
        pieces = [answers[index] for _, answers in parts]
        if all(isinstance(piece, np.ndarray) and piece.ndim and len(piece) == batch for piece in pieces):
            counts = [count for count, _ in parts]
            arrays[output.name] = np.concatenate(
                [piece[:count] for piece, count in zip(pieces, counts, strict=True)]
            )
    return arrays


def _run_error(error: Exception) -> BadArtifact:
    return BadArtifact(f"ONNX Runtime can't run the model: {str(error).strip()[:300]}")
