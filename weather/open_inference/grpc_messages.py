"""The messages and the service of the protocol's gRPC form, built when this is imported.

The names and numbers are the protocol's. protobuf makes the classes from a description that is
written here, so there is no generated code and no compiler. Needs protobuf only.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    OneofDescriptorProto,
)
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
"""Each takes the message of its name with Request, and answers with that with Response."""

MESSAGES = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "bool live = 1",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "bool ready = 1",
    "ModelReadyRequest": "string name = 1; string version = 2",
    "ModelReadyResponse": "bool ready = 1",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "string name = 1; string version = 2; repeated string extensions = 3",
    "ModelMetadataRequest": "string name = 1; string version = 2",
    "ModelMetadataResponse": """
        string name = 1; repeated string versions = 2; string platform = 3;
        repeated ModelMetadataResponse.TensorMetadata inputs = 4;
        repeated ModelMetadataResponse.TensorMetadata outputs = 5;
        map string properties = 6""",
    "ModelMetadataResponse.TensorMetadata": "string name = 1; string datatype = 2; repeated int64 shape = 3",
    "ModelInferRequest": """
        string model_name = 1; string model_version = 2; string id = 3; map InferParameter parameters = 4;
        repeated ModelInferRequest.InferInputTensor inputs = 5;
        repeated ModelInferRequest.InferRequestedOutputTensor outputs = 6;
        repeated bytes raw_input_contents = 7""",
    "ModelInferRequest.InferInputTensor": """
        string name = 1; string datatype = 2; repeated int64 shape = 3;
        map InferParameter parameters = 4; InferTensorContents contents = 5""",
    "ModelInferRequest.InferRequestedOutputTensor": "string name = 1; map InferParameter parameters = 2",
    "ModelInferResponse": """
        string model_name = 1; string model_version = 2; string id = 3; map InferParameter parameters = 4;
        repeated ModelInferResponse.InferOutputTensor outputs = 5; repeated bytes raw_output_contents = 6""",
    "ModelInferResponse.InferOutputTensor": """
        string name = 1; string datatype = 2; repeated int64 shape = 3;
        map InferParameter parameters = 4; InferTensorContents contents = 5""",
    "InferParameter": """
        parameter_choice bool bool_param = 1; parameter_choice int64 int64_param = 2;
        parameter_choice string string_param = 3; parameter_choice double double_param = 4;
        parameter_choice uint64 uint64_param = 5""",
    "InferTensorContents": """
        repeated bool bool_contents = 1; repeated int32 int_contents = 2; repeated int64 int64_contents = 3;
        repeated uint32 uint_contents = 4; repeated uint64 uint64_contents = 5;
        repeated float fp32_contents = 6; repeated double fp64_contents = 7;
        repeated bytes bytes_contents = 8""",
}
"""The fields of each message, as protobuf's language writes them, but ``map T`` for ``map<string, T>``,
and a oneof's name before each of its fields.
"""

FIELD = re.compile(r"(?:(\w+) )?([\w.]+) (\w+) = (\d+)")

SCALARS: dict[str, Any] = {
    name: getattr(FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")
}


def file() -> FileDescriptorProto:
    """The description of all messages and of the service."""
    described = FileDescriptorProto(name="open_inference.proto", package=PACKAGE, syntax="proto3")
    messages: dict[str, DescriptorProto] = {}
    for name, fields in MESSAGES.items():
        parent, _, own = name.rpartition(".")
        siblings = messages[parent].nested_type if parent else described.message_type
        messages[name] = siblings.add(name=own)
        for label, kind, field, number in FIELD.findall(fields):
            add_field(messages[name], f".{PACKAGE}.{name}", label, kind, field, int(number))
    service = described.service.add(name=SERVICE.rpartition(".")[2])
    for method in METHODS:
        types = [f".{PACKAGE}.{method}{end}" for end in ("Request", "Response")]
        service.method.add(name=method, input_type=types[0], output_type=types[1])
    return described


def add_field(message: DescriptorProto, path: str, label: str, kind: str, name: str, number: int) -> None:
    """Add a field to a message; ``path`` is the message's full name."""
    added = message.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
    if label == "map":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        add_field(entry, "", "", "string", "key", 1)
        add_field(entry, "", "", kind, "value", 2)
        label, kind = "repeated", f"{path.removeprefix(f'.{PACKAGE}.')}.{entry.name}"
    if label == "repeated":
        added.label = FieldDescriptorProto.LABEL_REPEATED
    elif label:
        if not message.oneof_decl:
            message.oneof_decl.append(OneofDescriptorProto(name=label))
        added.oneof_index = 0
    if kind in SCALARS:
        added.type = SCALARS[kind]
    else:
        added.type = FieldDescriptorProto.TYPE_MESSAGE
        added.type_name = f".{PACKAGE}.{kind}"


Default().AddSerializedFile(file().SerializeToString())

CLASSES: dict[str, Any] = {
    name: GetMessageClass(Default().FindMessageTypeByName(f"{PACKAGE}.{name}"))
    for name in MESSAGES
    if "." not in name
}
"""The message classes by name."""
