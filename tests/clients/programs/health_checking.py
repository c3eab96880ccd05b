"""grpcio-health-checking's client, as grpc_health_probe asks."""

import json
import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

with grpc.insecure_channel(sys.argv[2]) as channel:
    for service in ("", "inference.GRPCInferenceService"):
        answer = HealthStub(channel).Check(HealthCheckRequest(service=service))
        print(json.dumps(HealthCheckResponse.ServingStatus.Name(answer.status)))
