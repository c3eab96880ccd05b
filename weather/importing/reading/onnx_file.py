"""Reads an ONNX file, including weights that it keeps in other files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto

from weather.importing.errors import BadArtifact
from weather.importing.reading.files import read_bytes

MAX_BYTES = 64 << 20
"""Maximum size of a model, including weights in other files."""


def read_model(path: Path) -> bytes:
    """The model as one self-contained ONNX file.

    Raises:
        BadArtifact: it is missing, too large or not ONNX, or lacks a file with weights.
    """
    content = read_bytes(path, MAX_BYTES)
    model = parsed(content)
    outside = [tensor for tensor in tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    if not outside:
        return content
    files: dict[str, bytes] = {}
    size = len(content)
    for tensor in outside:
        size += _load_external(tensor, path, files)
        if size > MAX_BYTES:
            raise BadArtifact(f"{path} has more than {MAX_BYTES:,} bytes with its weights in other files")
    return bytes(model.SerializeToString())


def parsed(content: bytes) -> onnx.ModelProto:
    """Parse the protobuf message, without checking whether the model is valid.

    Raises:
        BadArtifact: it is not ONNX.
    """
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # the exceptions of protobuf versions have no common base
        raise BadArtifact(f"the model is truncated or not ONNX ({str(error).strip()[:200]})") from error
    if not model.graph.node:
        raise BadArtifact("the model is truncated or not ONNX (its graph has no node)")
    if any(isinstance(name, bytes) for name in _names(model.graph)):
        raise BadArtifact("the model is truncated or not ONNX (a name is not UTF-8)")
    return model


def _names(graph: onnx.GraphProto) -> Iterator[object]:
    """Every name in the graph; protobuf returns names that are not UTF-8 as bytes."""
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        yield value.name


def tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Every constant of the model, including those of subgraphs and functions."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterator[onnx.NodeProto]) -> Iterator[TensorProto]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _of_graph(graph)


def _load_external(tensor: TensorProto, model: Path, files: dict[str, bytes]) -> int:
    """Load the values of a tensor from the file that it names; returns their size in bytes."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    name = where.get("location", "")
    if name not in files:
        path = (model.parent / name).resolve()
        if not path.is_relative_to(model.parent.resolve()):
            raise BadArtifact(f"{model} keeps weights in {name}: only files in its own folder are read")
        if not path.is_file():
            raise BadArtifact(f"{model} keeps weights in {name}, which is not beside it: put it there")
        files[name] = read_bytes(path, MAX_BYTES)
    try:
        start, length = int(where.get("offset", "0")), int(where.get("length", "-1"))
    except ValueError:
        raise BadArtifact(f"{model} does not say where in {name} its weights are") from None
    end = len(files[name]) if length < 0 else start + length
    if not 0 <= start <= end <= len(files[name]):
        raise BadArtifact(f"{name} is shorter than {model} says: truncated, or of another model")
    tensor.raw_data = files[name][start:end]
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]
    return end - start
