"""The gRPC server on a port, asked through grpc's own client: messages, status codes, keys, health."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.open_inference.conftest import VERSION, MakeModel
from tests.waiting import PATIENCE
from weather.contract.variables import EXAMPLE, FEATURES, WeatherVariables
from weather.http.api_keys import Keys
from weather.http.limits import BULK, SINGLE
from weather.model.classifier import Classifier
from weather.open_inference.grpc_messages import CLASSES, METHODS, SERVICE
from weather.open_inference.grpc_server import MAX_MESSAGE_BYTES, GrpcServer
from weather.open_inference.model import InferenceModel

ROW = [float(EXAMPLE[name]) for name in FEATURES]
SECONDS = PATIENCE


class Calls:
    """What the server was told to count."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, int]] = []

    def __call__(self, path: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.ended.append((path, status))


class Asking:
    """A channel to a server, and a function for each of its methods."""

    def __init__(self, server: GrpcServer, port: int, channel: Any, calls: Calls) -> None:
        self.server = server
        self.port = port
        self.channel = channel
        self.calls = calls

    async def __call__(self, method: str, metadata: Any = None, **request: Any) -> Any:
        message = CLASSES[f"{method}Request"](**request)
        return await self.method(method)(message, metadata=metadata, timeout=SECONDS)

    def method(self, name: str) -> Any:
        answer = CLASSES[f"{name}Response"]
        return self.channel.unary_unary(
            f"/{SERVICE}/{name}", lambda message: message.SerializeToString(), answer.FromString
        )


@asynccontextmanager
async def running(model: InferenceModel, **options: Any) -> Any:
    calls = Calls()
    server = GrpcServer(lambda: model, "127.0.0.1:0", calls, **{"seconds": SECONDS, **options})
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Asking(server, port, channel, calls)
    finally:
        await server.stop()


def run(model: InferenceModel, body: Callable[[Asking], Awaitable[None]], **options: Any) -> None:
    async def go() -> None:
        async with running(model, **options) as ask:
            await body(ask)

    asyncio.run(go())


async def refused(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Status, sentence and trailing metadata of a call."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    metadata: dict[str, str] = dict(error.value.trailing_metadata())
    return error.value.code(), str(error.value.details()), metadata


def named(rows: int = 1) -> list[dict[str, Any]]:
    """A tensor a field, typed."""
    return [
        {
            "name": name,
            "datatype": "FP32",
            "shape": [rows, 1],
            "contents": {"fp32_contents": [EXAMPLE[name]] * rows},
        }
        for name in FEATURES
    ]


MATRIX = {
    "name": "observations",
    "datatype": "FP64",
    "shape": [1, len(ROW)],
    "contents": {"fp64_contents": ROW},
}
WHO = {"model_name": "rain_forecast"}


def test_server_health_and_metadata(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        assert (await ask("ServerLive")).live
        assert (await ask("ServerReady")).ready
        assert (await ask("ServerMetadata")).name == "rain_forecast"
        for version in ("", VERSION):
            assert (await ask("ModelReady", name="rain_forecast", version=version)).ready
            known = await ask("ModelMetadata", name="rain_forecast", version=version)
            assert list(known.versions) == [VERSION]
            assert known.platform == "onnx_onnxv1"
            assert [(t.name, list(t.shape)) for t in known.inputs] == [(name, [-1, 1]) for name in FEATURES]
            assert [(t.name, t.datatype) for t in known.outputs] == [
                ("probability", "FP32"),
                ("prediction", "BYTES"),
            ]
            assert "65 % is 0.65" in known.properties["humidity"]

    run(make_model(), body)


def test_typed_contents(make_model: MakeModel, classifier: Classifier) -> None:
    expected = classifier.forecast([WeatherVariables(**EXAMPLE)])[0]

    async def body(ask: Asking) -> None:
        for inputs in (named(), [MATRIX]):
            for version in ("", VERSION):
                answer = await ask("ModelInfer", **WHO, model_version=version, id="7", inputs=inputs)
                assert (answer.model_name, answer.model_version, answer.id) == ("rain_forecast", VERSION, "7")
                probability, prediction = answer.outputs
                assert list(probability.shape) == list(prediction.shape) == [1, 1]
                assert list(probability.contents.fp32_contents) == [np.float32(expected.probability)]
                assert list(prediction.contents.bytes_contents) == [expected.prediction.encode()]
                assert prediction.parameters["content_type"].string_param == "str"
                assert not answer.raw_output_contents

    run(make_model(), body)


def test_raw_contents_come_back_raw(make_model: MakeModel, classifier: Classifier) -> None:
    expected = classifier.forecast([WeatherVariables(**EXAMPLE)])[0]

    async def body(ask: Asking) -> None:
        inputs = [{"name": "observations", "datatype": "FP32", "shape": [2, len(ROW)]}]
        raw = [np.array([ROW, ROW], "<f4").tobytes()]
        answer = await ask("ModelInfer", **WHO, inputs=inputs, raw_input_contents=raw)
        probability, prediction = answer.raw_output_contents
        assert np.frombuffer(probability, "<f4").tolist() == [np.float32(expected.probability)] * 2
        word = expected.prediction.encode()
        assert prediction == (len(word).to_bytes(4, "little") + word) * 2
        assert [list(output.shape) for output in answer.outputs] == [[2, 1], [2, 1]]

    run(make_model(), body)


def test_integers_and_chosen_outputs(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        inputs = named()
        inputs[-1] = {
            "name": FEATURES[-1],
            "datatype": "INT8",
            "shape": [1],
            "contents": {"int_contents": [1]},
        }
        answer = await ask("ModelInfer", **WHO, inputs=inputs, outputs=[{"name": "prediction"}])
        assert [output.name for output in answer.outputs] == ["prediction"]

    run(make_model(), body)


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no inputs": ({}, "no input tensor is known"),
    "a percentage": (
        {"inputs": [{**MATRIX, "contents": {"fp64_contents": [0, 65, 0, 0, 0, 1013, 0]}}]},
        "humidity is",
    ),
    "contents of another datatype": (
        {"inputs": [{**MATRIX, "datatype": "FP32"}]},
        "observations has 0 values where ",
    ),
    "an integer too wide": (
        {
            "inputs": [
                {**MATRIX, "datatype": "INT8", "contents": {"int_contents": [0, 0, 0, 250, 0, 1013, 0]}}
            ]
        },
        "observations has values that are not of its datatype, INT8",
    ),
    "a word": (
        {"inputs": [{**MATRIX, "datatype": "BYTES", "contents": {"bytes_contents": [b"x"]}}]},
        "the datatype of observations must be one of",
    ),
    "an unknown output": ({"inputs": [MATRIX], "outputs": [{"name": "rain"}]}, "rain is not an output"),
    "classes": (
        {
            "inputs": [MATRIX],
            "outputs": [{"name": "prediction", "parameters": {"classification": {"int64_param": 2}}}],
        },
        "the output parameter classification is not supported",
    ),
    "raw and typed contents": (
        {"inputs": [MATRIX], "raw_input_contents": [b""]},
        "inputs[0] has contents, and there",
    ),
    "raw contents too few": (
        {"inputs": named(), "raw_input_contents": [b""]},
        "there are 7 inputs and 1 raw_input_",
    ),
    "raw contents cut": (
        {"inputs": [{**MATRIX, "contents": None}], "raw_input_contents": [b"x" * 55]},
        "the size of raw_input_contents[0] is not a multiple of the size of its datatype",
    ),
}


@pytest.mark.parametrize("what", INVALID)
def test_what_breaks_the_contract_is_an_invalid_argument(make_model: MakeModel, what: str) -> None:
    request, sentence = INVALID[what]

    async def body(ask: Asking) -> None:
        code, details, metadata = await refused(ask("ModelInfer", **WHO, **request))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert details.startswith(sentence)
        assert metadata["x-request-id"]
        assert ask.calls.ended == [(f"/{SERVICE}/ModelInfer", 400)]

    run(make_model(), body)


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata", "ModelInfer"])
def test_another_model_or_version_is_not_found(make_model: MakeModel, method: str) -> None:
    prefix = "model_" if method == "ModelInfer" else ""

    async def body(ask: Asking) -> None:
        code, details, _ = await refused(ask(method, **{f"{prefix}name": "other"}))
        assert code is grpc.StatusCode.NOT_FOUND
        assert details == "there is no such model here; the model is rain_forecast"
        request = {f"{prefix}name": "rain_forecast", f"{prefix}version": "1"}
        code, details, _ = await refused(ask(method, **request))
        assert code is grpc.StatusCode.NOT_FOUND
        assert VERSION in details

    run(make_model(), body)


def test_a_message_that_is_none_and_a_call_without_one(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        plain = ask.channel.unary_unary(f"/{SERVICE}/ModelInfer")
        code, details, _ = await refused(plain(b"\xff\xff", timeout=SECONDS))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert details == "the message is no ModelInferRequest"
        stream = ask.channel.stream_unary(f"/{SERVICE}/ModelInfer")
        code, details, _ = await refused(stream(iter([]), timeout=SECONDS))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        code, _, _ = await refused(ask.channel.unary_unary(f"/{SERVICE}/Other")(b"", timeout=SECONDS))
        assert code is grpc.StatusCode.UNIMPLEMENTED

    run(make_model(), body)


def test_a_message_too_large_is_refused(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        inputs = [{**MATRIX, "contents": None}]
        raw = [b"x" * MAX_MESSAGE_BYTES]
        code, _, _ = await refused(ask("ModelInfer", **WHO, inputs=inputs, raw_input_contents=raw))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED

    run(make_model(), body)


def test_the_largest_request_fits(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        answer = await ask("ModelInfer", **WHO, inputs=named(10_000))
        assert len(answer.outputs[0].contents.fp32_contents) == 10_000

    run(make_model(), body)


def test_without_a_slot_a_call_is_told_when_to_come_back(make_model: MakeModel) -> None:
    model = make_model()
    model.in_flight.free = {SINGLE: 0, BULK: 0}

    async def body(ask: Asking) -> None:
        for inputs in ([MATRIX], named(2)):
            code, _, metadata = await refused(ask("ModelInfer", **WHO, inputs=inputs))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert metadata["retry-after"] == "1"
            assert metadata["grpc-retry-pushback-ms"] == "1000"

    run(model, body)


def test_a_call_that_takes_too_long_ends_and_gives_its_slot_back(make_model: MakeModel) -> None:
    async def never(_: WeatherVariables) -> Any:
        await asyncio.Event().wait()

    made = make_model()
    model = replace(made, single=never)
    free = dict(model.in_flight.free)

    async def body(ask: Asking) -> None:
        code, _, _ = await refused(ask("ModelInfer", **WHO, inputs=[MATRIX]))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert model.in_flight.free == free
        assert ask.calls.ended == [(f"/{SERVICE}/ModelInfer", 504)]

    run(model, body, seconds=0.2)


def test_a_client_that_sends_no_message_is_not_waited_for(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        async def nothing() -> Any:
            await asyncio.Event().wait()
            yield b""

        call = ask.channel.stream_unary(f"/{SERVICE}/ModelInfer")(nothing(), timeout=SECONDS)
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert ask.calls.ended == [(f"/{SERVICE}/ModelInfer", 504)], "by the server, not by the client's own"

    run(make_model(), body, seconds=0.2)


def test_a_client_that_gives_up_gives_its_slot_back(make_model: MakeModel) -> None:
    started = asyncio.Event()

    async def never(_: WeatherVariables) -> Any:
        started.set()
        await asyncio.Event().wait()

    made = make_model()
    model = replace(made, single=never)
    free = dict(model.in_flight.free)

    async def body(ask: Asking) -> None:
        call = ask.method("ModelInfer")(CLASSES["ModelInferRequest"](**WHO, inputs=[MATRIX]))
        await started.wait()
        call.cancel()
        while not ask.calls.ended:
            await asyncio.sleep(0.01)
        assert ask.calls.ended == [(f"/{SERVICE}/ModelInfer", 499)]
        assert model.in_flight.free == free

    run(model, body)


def test_a_fault_of_ours_is_internal_and_says_no_more(
    make_model: MakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: WeatherVariables) -> Any:
        raise RuntimeError("secret")

    made = make_model()
    model = replace(made, single=broken)

    async def body(ask: Asking) -> None:
        code, details, _ = await refused(ask("ModelInfer", **WHO, inputs=[MATRIX]))
        assert code is grpc.StatusCode.INTERNAL
        assert "secret" not in details

    run(model, body)
    assert "secret" in caplog.text, "the log has it"


def test_keys_are_wanted_for_inference_only(make_model: MakeModel, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"test:{hashlib.sha256(b'the key').hexdigest()}\n")

    async def body(ask: Asking) -> None:
        for metadata in (None, [("x-api-key", "other")], [("authorization", "Basic x")]):
            code, details, _ = await refused(ask("ModelInfer", metadata, **WHO, inputs=[MATRIX]))
            assert code is grpc.StatusCode.UNAUTHENTICATED
            assert "authorization: Bearer KEY" in details
        for metadata in ([("x-api-key", "the key")], [("authorization", "Bearer the key")]):
            assert (await ask("ModelInfer", metadata, **WHO, inputs=[MATRIX])).outputs
        assert (await ask("ModelMetadata", name="rain_forecast")).name
        assert [status for _, status in ask.calls.ended] == [401, 401, 401, 200, 200, 200]

    run(make_model(), body, keys=Keys(file))


def test_a_request_id_is_taken_or_made(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        call = ask.method("ServerLive")(CLASSES["ServerLiveRequest"](), metadata=[("x-request-id", "mine-1")])
        await call
        assert dict(await call.trailing_metadata())["x-request-id"] == "mine-1"
        call = ask.method("ServerLive")(CLASSES["ServerLiveRequest"](), metadata=[("x-request-id", "no id")])
        await call
        assert "no id" not in dict(await call.trailing_metadata())["x-request-id"]

    run(make_model(), body)


SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("ready", [True, False])
def test_health_is_the_models_readiness(make_model: MakeModel, ready: bool) -> None:
    async def body(ask: Asking) -> None:
        stub = health_pb2_grpc.HealthStub(ask.channel)
        for service in ("", SERVICE):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
            assert answer.status == (SERVING if ready else NOT_SERVING)
        assert (await ask("ServerReady")).ready is ready
        assert (await ask("ModelReady", name="rain_forecast")).ready is ready

    run(make_model(ready=ready), body)


def test_while_draining_watchers_are_told_and_calls_are_answered(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        stub = health_pb2_grpc.HealthStub(ask.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=SECONDS)
        assert (await watch.read()).status == SERVING
        await ask.server.drain()
        assert (await watch.read()).status == NOT_SERVING
        assert (await stub.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)).status == NOT_SERVING
        assert (await ask("ModelInfer", **WHO, inputs=[MATRIX])).outputs

    run(make_model(), body)


def test_reflection_describes_the_service(make_model: MakeModel) -> None:
    async def body(ask: Asking) -> None:
        def look(port: int) -> None:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                database = ProtoReflectionDescriptorDatabase(channel)
                assert {SERVICE, "grpc.health.v1.Health"} <= set(database.get_services())
                service = DescriptorPool(database).FindServiceByName(SERVICE)
                assert tuple(method.name for method in service.methods) == METHODS
                fields = service.methods_by_name["ModelInfer"].input_type.fields_by_name
                assert fields["raw_input_contents"].number == 7

        await asyncio.to_thread(look, ask.port)

    run(make_model(), body)
