"""The bodies of REST: an inference request from JSON and binary data, and the response to it."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from weather.contract.faults import Fault, json_fault, repeated
from weather.contract.repeated import quotes, repeated_keys
from weather.http.limits import MAX_FAULTS
from weather.http.problems import bad_request
from weather.open_inference import binary
from weather.open_inference.inputs import InputTensor
from weather.open_inference.outputs import OutputTensor, extension_faults

Size = Annotated[int, Field(ge=0, lt=2**63)]
"""A dimension or a number of bytes. Integers in JSON may be longer than Python makes text of."""


class Parameters(BaseModel):
    """Parameters that the service reads; others, such as ``content_type``, are kept as ``model_extra``."""

    model_config = ConfigDict(strict=True, extra="allow")


class RequestParameters(Parameters):
    """Parameters of a request."""

    binary_data_output: bool = False


class InputParameters(Parameters):
    """Parameters of an input."""

    binary_data_size: Size | None = None


class OutputParameters(Parameters):
    """Parameters of a requested output."""

    binary_data: bool | None = None


class RequestInput(BaseModel):
    """One input as it stands in JSON."""

    model_config = ConfigDict(strict=True)
    name: str
    shape: list[Size]
    datatype: str
    parameters: InputParameters | None = None
    data: list[Any] | None = None


class RequestOutput(BaseModel):
    """One requested output as it stands in JSON."""

    model_config = ConfigDict(strict=True)
    name: str
    parameters: OutputParameters | None = None


class InferenceRequest(BaseModel):
    """The JSON of a request; members that the protocol does not define are ignored, null means absent."""

    model_config = ConfigDict(strict=True)
    id: str | None = None
    parameters: RequestParameters | None = None
    inputs: list[RequestInput]
    outputs: list[RequestOutput] | None = None


@dataclass(frozen=True)
class Inference:
    """A parsed request; ``binary`` has the outputs that are wanted as binary data, None stands for all."""

    id: str | None
    inputs: Sequence[InputTensor]
    outputs: Sequence[str]
    binary: Mapping[str | None, bool]

    def is_binary(self, name: str) -> bool:
        """Whether the output is wanted as binary data."""
        return self.binary.get(name, self.binary[None])


def parse(body: bytes, header_length: str | None) -> Inference:
    """An inference request; ``header_length`` is the value of ``binary.HEADER``.

    Raises:
        Problem: 400, with the faults of the JSON's form or of the binary data's sizes.
    """
    json, raw = binary.split(body, header_length)
    if header_length is not None and not json:
        return Inference(None, [binary.raw_row(raw)], [], {None: True})
    try:
        request = InferenceRequest.model_validate_json(json.removeprefix(BOM_UTF8))
    except ValidationError as error:
        faults = [form_fault(item) for item in error.errors(include_url=False, include_input=False)]
        raise bad_request(faults[:MAX_FAULTS]) from None
    outputs = request.outputs or []
    faults = list(size_faults(request.inputs, len(raw)))
    if json.count(b'"') != quotes(strings(request)):
        faults += (repeated(*path) for path in repeated_keys(json))
    for index, output in enumerate(outputs):
        if output.parameters is not None:
            faults += extension_faults(index, output.parameters.model_extra or {})
    if faults:
        raise bad_request(faults[:MAX_FAULTS])
    wanted: dict[str | None, bool] = {
        None: bool(request.parameters and request.parameters.binary_data_output)
    }
    for output in outputs:
        if output.parameters is not None and output.parameters.binary_data is not None:
            wanted[output.name] = output.parameters.binary_data
    return Inference(
        request.id, list(inputs(request.inputs, raw)), [output.name for output in outputs], wanted
    )


def form_fault(item: Mapping[str, Any]) -> Fault:
    """A fault of the JSON's form, in a sentence that begins with the member's path."""
    loc: tuple[str | int, ...] = item["loc"]
    if item["type"] == "json_invalid":
        return json_fault(item["ctx"]["error"])
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    if item["type"] == "missing":
        return Fault(loc, f"{path} is missing", "missing")
    return Fault(loc, f"{path or 'the body'}: {item['msg'][0].lower()}{item['msg'][1:]}", item["type"])


def strings(request: InferenceRequest) -> int:
    """The number of strings in the JSON of a request, keys included.

    Strings in ``data`` and in members that the service ignores are not counted. A request with such strings
    is read once more, by ``repeated_keys``.
    """
    count = len(request.model_fields_set) + (request.id is not None) + parameter_strings(request.parameters)
    for tensor in request.inputs:
        count += len(tensor.model_fields_set) + 2 + parameter_strings(tensor.parameters)  # name and datatype
    for output in request.outputs or ():
        count += len(output.model_fields_set) + 1 + parameter_strings(output.parameters)
    return count


def parameter_strings(parameters: Parameters | None) -> int:
    """The keys of parameters, and their values that are strings."""
    if parameters is None:
        return 0
    others = (parameters.model_extra or {}).values()
    return len(parameters.model_fields_set) + sum(isinstance(value, str) for value in others)


def size_faults(inputs: Sequence[RequestInput], size: int) -> Iterator[Fault]:
    """Inputs without data or with two kinds of it, and sizes that don't add up to ``size`` bytes."""
    total = 0
    for index, tensor in enumerate(inputs):
        length = tensor.parameters.binary_data_size if tensor.parameters else None
        total += length or 0
        if (length is None) == (tensor.data is None):
            message = f"inputs[{index}] must have either data or the parameter binary_data_size"
            yield Fault(["inputs", index, "data"], message, "data")
    if total != size:
        message = (
            f"the parameters binary_data_size add up to {total:,} bytes, and {size:,} come after the JSON, "
            f"whose length is the header {binary.HEADER}"
        )
        yield Fault(["inputs"], message, "binary_data")


def inputs(tensors: Sequence[RequestInput], raw: bytes) -> Iterator[InputTensor]:
    """The input tensors, those from binary data as arrays.

    Raises:
        Problem: 400, where a tensor's size does not fit its datatype.
    """
    start = 0
    for index, tensor in enumerate(tensors):
        data: Any = tensor.data
        if tensor.parameters is not None and tensor.parameters.binary_data_size is not None:
            end = start + tensor.parameters.binary_data_size
            data, start = binary.elements(raw[start:end], tensor.datatype), end
            if data is None:
                message = (
                    f"the binary_data_size of inputs[{index}] is not a multiple of the size of its datatype"
                )
                raise bad_request(
                    [Fault(["inputs", index, "parameters", "binary_data_size"], message, "binary_data")]
                )
        yield InputTensor(tensor.name, tensor.datatype, tensor.shape, data)


def response(
    inference: Inference, model: str, version: str, outputs: Sequence[OutputTensor]
) -> tuple[bytes, int | None]:
    """The body of a response, and the length of its JSON if binary data comes after it."""
    parts = []
    members: list[dict[str, Any]] = []
    for output in outputs:
        member: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": output.shape}
        parameters: dict[str, Any] = {"content_type": "str"} if output.datatype == "BYTES" else {}
        if inference.is_binary(output.name):
            parts.append(binary.raw(output))
            parameters["binary_data_size"] = len(parts[-1])
        else:
            member["data"] = output.data
        if parameters:
            member["parameters"] = parameters
        members.append(member)
    document = {"model_name": model, "model_version": version, "outputs": members}
    if inference.id is not None:
        document["id"] = inference.id
    json = to_json(document)
    return (b"".join([json, *parts]), len(json)) if parts else (json, None)
