"""open-inference-grpc, made from the published messages; ours are the same, as reflection tells them."""

import json
import sys

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from open_inference.grpc import protocol
from open_inference.grpc.service import GRPCInferenceServiceStub

hours, address = json.loads(sys.argv[1]), sys.argv[2]


def fields(messages, path=""):
    """Name, number, type and label of each field, by the name of its message."""
    found = {}
    for message in messages:
        name = path + message.name
        found[name] = {(f.name, f.number, f.type, f.label, f.type_name) for f in message.field}
        found |= fields(message.nested_type, f"{name}.")
    return found


with grpc.insecure_channel(address) as channel:
    client = GRPCInferenceServiceStub(channel)
    assert client.ServerLive(protocol.ServerLiveRequest()).live
    assert client.ServerReady(protocol.ServerReadyRequest()).ready
    assert client.ModelReady(protocol.ModelReadyRequest(name="rain_forecast")).ready
    metadata = client.ModelMetadata(protocol.ModelMetadataRequest(name="rain_forecast"))
    answer = client.ModelInfer(
        protocol.ModelInferRequest(
            model_name="rain_forecast",
            model_version=metadata.versions[0],
            inputs=[
                {
                    "name": name,
                    "datatype": "FP64",
                    "shape": [len(hours), 1],
                    "contents": {"fp64_contents": [hour[name] for hour in hours]},
                }
                for name in hours[0]
            ],
        )
    )
    probability, prediction = answer.outputs
    words = [word.decode() for word in prediction.contents.bytes_contents]
    print(json.dumps([list(probability.contents.fp32_contents), words]))

    theirs, ours = FileDescriptorProto(), FileDescriptorProto()
    protocol.DESCRIPTOR.CopyToProto(theirs)
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    pool.FindServiceByName("inference.GRPCInferenceService").file.CopyToProto(ours)
    assert fields(ours.message_type) == fields(theirs.message_type)
    assert [method.name for method in ours.service[0].method] == [m.name for m in theirs.service[0].method]
