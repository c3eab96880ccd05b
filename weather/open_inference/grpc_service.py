"""The methods of ``inference.GRPCInferenceService``: a message in, a message out.

They raise ``Problem``; ``grpc_server`` makes gRPC's status of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from weather.contract.faults import Fault
from weather.contract.version import VERSION
from weather.http.problems import bad_request
from weather.open_inference import binary, metadata
from weather.open_inference.datatypes import FEW, as_numbers, decimals
from weather.open_inference.grpc_messages import CLASSES
from weather.open_inference.inputs import InputTensor
from weather.open_inference.model import InferenceModel
from weather.open_inference.outputs import OutputTensor, extension_faults

CONTENTS = {
    **{f"INT{bits}": "int_contents" for bits in (8, 16, 32)},
    **{f"UINT{bits}": "uint_contents" for bits in (8, 16, 32)},
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of InferTensorContents that has a datatype's elements."""


class GrpcService:
    """A method for each of ``grpc_messages.METHODS``, by its name; ``model`` is called for each request."""

    def __init__(self, model: Callable[[], InferenceModel]) -> None:
        self.model = model

    async def ServerLive(self, _: Any) -> Any:  # noqa: N802
        """Whether the process answers."""
        return CLASSES["ServerLiveResponse"](live=True)

    async def ServerReady(self, _: Any) -> Any:  # noqa: N802
        """Whether forecasts can be had."""
        return CLASSES["ServerReadyResponse"](ready=await self.model().ready())

    async def ModelReady(self, request: Any) -> Any:  # noqa: N802
        """Whether forecasts of the model can be had."""
        model = self.model()
        model.check(request.name, request.version)
        return CLASSES["ModelReadyResponse"](ready=await model.ready())

    async def ServerMetadata(self, _: Any) -> Any:  # noqa: N802
        """What the server is; the binary extension is REST's."""
        known = metadata.server(self.model().name, VERSION)
        return CLASSES["ServerMetadataResponse"](**{**known, "extensions": []})

    async def ModelMetadata(self, request: Any) -> Any:  # noqa: N802
        """What the model is."""
        model = self.model()
        model.check(request.name, request.version)
        known = metadata.model(model.name, model.version, model.calibrated)
        return CLASSES["ModelMetadataResponse"](**known)

    async def ModelInfer(self, request: Any) -> Any:  # noqa: N802
        """Forecasts, as raw contents if the request has its inputs so."""
        model = self.model()
        model.check(request.model_name, request.model_version)
        model.admit(request.ByteSize())
        for index, output in enumerate(request.outputs):
            faults = list(extension_faults(index, dict.fromkeys(output.parameters, True)))
            if faults:
                raise bad_request(faults)
        outputs = await model.infer(list(inputs(request)), [output.name for output in request.outputs])
        return response(request, model, outputs)


def inputs(request: Any) -> Iterator[InputTensor]:
    """The input tensors of a request.

    Raises:
        Problem: 400, where raw contents don't fit the inputs.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        message = f"there are {len(request.inputs)} inputs and {len(raw)} raw_input_contents"
        raise bad_request([Fault(["raw_input_contents"], message, "binary_data")])
    for index, tensor in enumerate(request.inputs):
        if not raw:
            data = typed(tensor)
        elif tensor.HasField("contents"):
            message = f"inputs[{index}] has contents, and there are raw_input_contents: give one of them"
            raise bad_request([Fault(["inputs", index, "contents"], message, "data")])
        else:
            data = binary.elements(raw[index], tensor.datatype)
        if data is None:
            message = f"the size of raw_input_contents[{index}] is not a multiple of the size of its datatype"
            raise bad_request([Fault(["raw_input_contents", index], message, "binary_data")])
        yield InputTensor(tensor.name, tensor.datatype, list(tensor.shape), data)


def typed(tensor: Any) -> Any:
    """The elements of a tensor's contents, in the field of its datatype."""
    values = list(getattr(tensor.contents, CONTENTS.get(tensor.datatype, "bytes_contents")))
    # Integers of a narrow type come in a wider field, so they are checked like those of JSON.
    if tensor.datatype == "FP32":
        return decimals(values) if len(values) <= FEW else as_numbers(np.array(values, np.float32))
    return values


def response(request: Any, model: InferenceModel, outputs: list[OutputTensor]) -> Any:
    """The response to a request."""
    answer = CLASSES["ModelInferResponse"](model_name=model.name, model_version=model.version, id=request.id)
    for output in outputs:
        tensor = answer.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        if output.datatype == "BYTES":
            tensor.parameters["content_type"].string_param = "str"
        if request.raw_input_contents:
            answer.raw_output_contents.append(binary.raw(output))
        else:
            getattr(tensor.contents, CONTENTS[output.datatype]).extend(
                str(element).encode() if output.datatype == "BYTES" else element for element in output.data
            )
    return answer
