"""The REST paths as an ASGI app: what they answer, in JSON and with binary data, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from tests.open_inference.conftest import VERSION, MakeModel
from weather.contract.repeated import quotes
from weather.contract.variables import EXAMPLE, FEATURES, LABELS, MAX_ROWS, WeatherVariables
from weather.http.limits import BULK, ENDPOINTS, SINGLE
from weather.http.problems import Problem
from weather.model.classifier import Classifier
from weather.open_inference.binary import HEADER
from weather.open_inference.model import InferenceModel
from weather.open_inference.rest import Rest
from weather.open_inference.rest_messages import InferenceRequest, strings

MODEL = "/v2/models/rain_forecast"
ROW = [float(EXAMPLE[name]) for name in FEATURES]
ONE = {"name": "observations", "shape": [1, len(ROW)], "datatype": "FP64", "data": ROW}


class Client:
    """Asks an ASGI app."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self.request("GET", path))

    def post(self, path: str, **body: Any) -> httpx.Response:
        return asyncio.run(self.request("POST", path, **body))

    async def request(self, method: str, path: str, **body: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, **body)


def app_of(model: InferenceModel) -> Client:
    app = Starlette(routes=list(Rest(lambda: model).routes))
    app.add_exception_handler(Problem, lambda _, problem: problem.response())
    return Client(app)


@pytest.fixture
def client(make_model: MakeModel) -> Client:
    return app_of(make_model())


def named(rows: int = 1, **more: Any) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [rows, 1], "datatype": "FP64", "data": [EXAMPLE[name]] * rows, **more}
        for name in FEATURES
    ]


def with_binary(
    inputs: list[tuple[str, np.ndarray[Any, Any], str]], **request: Any
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request with its tensors as binary data."""
    tensors = [
        {
            "name": name,
            "shape": data.shape,
            "datatype": datatype,
            "parameters": {"binary_data_size": data.nbytes},
        }
        for name, data, datatype in inputs
    ]
    head = json.dumps({"inputs": tensors, **request}).encode()
    return head + b"".join(data.tobytes() for _, data, _ in inputs), {HEADER: str(len(head))}


def refusal(answer: Any, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert document.keys() == {"error", "detail"}
    return str(document["error"])


def test_server_and_health(client: Client) -> None:
    server = client.get("/v2").json()
    assert server.keys() == {"name", "version", "extensions"}
    assert server["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/{VERSION}"])
def test_metadata_and_readiness_with_and_without_a_version(client: Client, path: str) -> None:
    known = client.get(path).json()
    assert known["name"] == "rain_forecast"
    assert known["versions"] == [VERSION]
    assert known["platform"] == "onnx_onnxv1"
    assert [tensor["name"] for tensor in known["inputs"]] == list(FEATURES)
    assert known["outputs"] == [
        {"name": "probability", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "prediction", "datatype": "BYTES", "shape": [-1, 1]},
    ]
    assert "65 % is 0.65" in known["properties"]["humidity"]
    assert client.get(f"{path}/ready").json() == {"name": "rain_forecast", "ready": True}


@pytest.mark.parametrize("end", ["", "/ready", "/infer"])
def test_another_model_or_version_is_a_404_that_names_the_right_one(client: Client, end: str) -> None:
    def ask(path: str) -> httpx.Response:
        return client.post(path, json={}) if end == "/infer" else client.get(path)

    assert (
        refusal(ask(f"/v2/models/other{end}"), 404)
        == "there is no such model here; the model is rain_forecast"
    )
    sentence = refusal(ask(f"{MODEL}/versions/1{end}"), 404)
    assert sentence == f"rain_forecast has no such version here; it is served in version {VERSION}"


def test_while_not_ready_the_probes_are_503(make_model: MakeModel) -> None:
    client = app_of(make_model(ready=False))
    for path in ("/v2/health/ready", f"{MODEL}/ready"):
        answer = client.get(path)
        assert refusal(answer, 503)
        assert answer.headers["retry-after"] == "1"
    assert client.get("/v2/health/live").status_code == 200


@pytest.mark.parametrize("inputs", [named(), [ONE]], ids=["a tensor a field", "one matrix"])
@pytest.mark.parametrize("path", [f"{MODEL}/infer", f"{MODEL}/versions/{VERSION}/infer"])
def test_one_row(client: Client, classifier: Classifier, inputs: list[Any], path: str) -> None:
    answer = client.post(path, json={"id": "7", "inputs": inputs})
    expected = classifier.forecast([WeatherVariables(**EXAMPLE)])[0]
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "model_name": "rain_forecast",
        "model_version": VERSION,
        "id": "7",
        "outputs": [
            {"name": "probability", "datatype": "FP32", "shape": [1, 1], "data": [expected.probability]},
            {
                "name": "prediction",
                "datatype": "BYTES",
                "shape": [1, 1],
                "parameters": {"content_type": "str"},
                "data": [expected.prediction],
            },
        ],
    }


def test_many_rows_in_order(client: Client, classifier: Classifier) -> None:
    inputs = named(MAX_ROWS)
    humidity = np.linspace(0, 1, MAX_ROWS).round(6)
    inputs[FEATURES.index("humidity")]["data"] = humidity.tolist()
    outputs = {
        output["name"]: output
        for output in client.post(f"{MODEL}/infer", json={"inputs": inputs}).json()["outputs"]
    }
    rows = np.tile(np.array(ROW), (MAX_ROWS, 1))
    rows[:, FEATURES.index("humidity")] = humidity
    rain, probabilities = classifier.decide(rows)
    assert outputs["probability"]["shape"] == [MAX_ROWS, 1]
    assert outputs["probability"]["data"] == probabilities
    assert outputs["prediction"]["data"] == [LABELS[wet] for wet in rain]


def test_members_that_are_null_or_not_the_protocols_are_as_if_absent(client: Client) -> None:
    inputs = named(parameters=None)
    request = {
        "id": None,
        "parameters": {"content_type": "pd"},
        "inputs": inputs,
        "outputs": None,
        "model_name": "x",
    }
    answer = client.post(f"{MODEL}/infer", json=request).json()
    assert "id" not in answer
    assert len(answer["outputs"]) == 2


def test_outputs_are_chosen_by_name(client: Client) -> None:
    request: dict[str, Any] = {"inputs": [ONE], "outputs": [{"name": "prediction"}]}
    [output] = client.post(f"{MODEL}/infer", json=request).json()["outputs"]
    assert output["name"] == "prediction"
    request["outputs"] = [{"name": "prediction"}, {"name": "probability", "parameters": None}]
    names = [output["name"] for output in client.post(f"{MODEL}/infer", json=request).json()["outputs"]]
    assert names == ["prediction", "probability"]
    request["outputs"] = [{"name": "rain"}]
    assert refusal(client.post(f"{MODEL}/infer", json=request)) == (
        "rain is not an output; the outputs are probability, prediction"
    )
    request["outputs"] = [{"name": "prediction"}] * 2
    assert refusal(client.post(f"{MODEL}/infer", json=request)) == "prediction is requested twice"


def test_a_model_without_calibration_has_no_probability(make_model: MakeModel) -> None:
    client = app_of(make_model(calibrated=False))
    assert [tensor["name"] for tensor in client.get(MODEL).json()["outputs"]] == ["prediction"]
    [output] = client.post(f"{MODEL}/infer", json={"inputs": [ONE]}).json()["outputs"]
    assert output["name"] == "prediction"
    request = {"inputs": [ONE], "outputs": [{"name": "probability"}]}
    assert refusal(client.post(f"{MODEL}/infer", json=request)).startswith("the model is not calibrated")


def test_binary_inputs_and_json_outputs(client: Client) -> None:
    body, headers = with_binary(
        [(name, np.array([[EXAMPLE[name]]], np.float32), "FP32") for name in FEATURES]
    )
    answer = client.post(f"{MODEL}/infer", content=body, headers=headers)
    plain = client.post(f"{MODEL}/infer", json={"inputs": [ONE]})
    assert HEADER not in answer.headers
    assert answer.json() == plain.json()


@pytest.mark.parametrize("dtype", ["FP32", "FP64"])
def test_binary_outputs_come_after_the_json(client: Client, dtype: str) -> None:
    rows = np.array([ROW, ROW, ROW], {"FP32": "<f4", "FP64": "<f8"}[dtype])
    body, headers = with_binary(
        [("observations", rows, dtype)], id="7", parameters={"binary_data_output": True}
    )
    answer = client.post(f"{MODEL}/infer", content=body, headers=headers)
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[HEADER])
    document, data = json.loads(answer.content[:length]), answer.content[length:]
    probability, prediction = document["outputs"]
    assert document["id"] == "7"
    assert "data" not in probability
    size = probability["parameters"]["binary_data_size"]
    assert probability["shape"] == prediction["shape"] == [3, 1]
    plain = client.post(f"{MODEL}/infer", json={"inputs": [ONE]}).json()["outputs"]
    assert np.frombuffer(data[:size], "<f4").tolist() == [np.float32(plain[0]["data"][0])] * 3
    word = plain[1]["data"][0].encode()
    assert data[size:] == (struct.pack("<I", len(word)) + word) * 3
    assert prediction["parameters"] == {"content_type": "str", "binary_data_size": 3 * (4 + len(word))}


def test_an_outputs_own_binary_data_overrides_the_requests(client: Client) -> None:
    request = {
        "inputs": [ONE],
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "probability", "parameters": {"binary_data": False}}, {"name": "prediction"}],
    }
    answer = client.post(f"{MODEL}/infer", json=request)
    probability, prediction = json.loads(answer.content[: int(answer.headers[HEADER])])["outputs"]
    assert len(probability["data"]) == 1
    assert "parameters" not in probability
    assert "data" not in prediction


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_a_body_without_json_is_one_row(client: Client, dtype: str) -> None:
    answer = client.post(f"{MODEL}/infer", content=np.array(ROW, dtype).tobytes(), headers={HEADER: "0"})
    length = int(answer.headers[HEADER])
    assert [output["shape"] for output in json.loads(answer.content[:length])["outputs"]] == [[1, 1]] * 2


def tensor(**members: Any) -> dict[str, Any]:
    return {"inputs": [{**ONE, **members}]}


FORM: dict[str, tuple[Any, str]] = {
    "no object": ([], "the body: input should be an object"),
    "no inputs": ({}, "inputs is missing"),
    "a tensor without a name": (
        {"inputs": [{"shape": [1], "datatype": "FP32", "data": [1]}]},
        "inputs[0].name is ",
    ),
    "an id that is a number": ({**tensor(), "id": 7}, "id: input should be a valid string"),
    "a shape of fractions": (tensor(shape=[1.5, 7]), "inputs[0].shape[0]: input should be a valid integer"),
    "a negative shape": (
        tensor(shape=[-1, 7]),
        "inputs[0].shape[0]: input should be greater than or equal to 0",
    ),
    "data that is no list": (tensor(data=1), "inputs[0].data: input should be a valid array"),
    "no data": (tensor(data=None), "inputs[0] must have either data or the parameter binary_data_size"),
    "data twice": (
        tensor(parameters={"binary_data_size": 0}),
        "inputs[0] must have either data or the parameter",
    ),
    "a flag that is a word": (
        {**tensor(), "parameters": {"binary_data_output": "yes"}},
        "parameters.binary_data_output: input should be a valid boolean",
    ),
    "binary data that is not there": (
        tensor(data=None, parameters={"binary_data_size": 28}),
        "the parameters binary_data_size add up to 28 bytes, and 0 come after the JSON, whose length is",
    ),
    "classes": (
        {**tensor(), "outputs": [{"name": "prediction", "parameters": {"classification": 2}}]},
        "the output parameter classification is not supported",
    ),
    "shared memory": (
        {**tensor(), "outputs": [{"name": "prediction", "parameters": {"shared_memory_region": "x"}}]},
        "the output parameter shared_memory_region is not supported",
    ),
    "a value out of range": (
        tensor(data=[0, 65, 0, 0, 0, 1013, 0]),
        "humidity is out of range: give a fraction",
    ),
}


@pytest.mark.parametrize("what", FORM)
def test_a_request_of_another_form_is_refused(client: Client, what: str) -> None:
    request, sentence = FORM[what]
    assert refusal(client.post(f"{MODEL}/infer", json=request)).startswith(sentence)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"inputs": [' + b"[" * 5000])
def test_what_is_not_json_is_refused(client: Client, body: bytes) -> None:
    sentence = refusal(client.post(f"{MODEL}/infer", content=body))
    assert sentence.startswith("the body is not valid JSON: " if body else "the body is empty")


EVERYTHING = json.dumps(
    {
        "id": "a",
        "parameters": {"content_type": "np", "binary_data_output": True},
        "inputs": [ONE],
        "outputs": [{"name": "prediction"}],
    }
)
AGAIN: list[tuple[str, str, list[str | int]]] = [
    ('"id"', '"id": "b", "id"', ["id"]),
    ('"inputs"', '"inputs": [], "inputs"', ["inputs"]),
    ('"data"', '"data": [1], "data"', ["inputs", 0, "data"]),
    ('"data"', '"d\\u0061ta": [1], "data"', ["inputs", 0, "data"]),
    (
        '"binary_data_output"',
        '"binary_data_output": false, "binary_data_output"',
        ["parameters", "binary_data_output"],
    ),
    ('"prediction"', '"probability", "name": "prediction"', ["outputs", 0, "name"]),
    # A member that the service does not know, with the longest integer that its parser accepts.
    ('"id"', f'"origin": {{"x": {"9" * 4300}, "x": 1}}, "id"', ["origin", "x"]),
]


@pytest.mark.parametrize(("at", "twice", "loc"), AGAIN)
def test_a_repeated_key_is_refused_and_named_wherever_it_is(
    client: Client, at: str, twice: str, loc: list[str | int]
) -> None:
    """JSON parsers take the last value."""
    answer = client.post(f"{MODEL}/infer", content=EVERYTHING.replace(at, twice))
    assert refusal(answer) == f"{loc[-1]} is given more than once: give it once"
    assert [fault["loc"] for fault in answer.json()["detail"]] == [loc]


def test_a_repeated_key_is_refused_before_binary_data_and_among_many_rows(client: Client) -> None:
    body, headers = with_binary([("observations", np.array([ROW], "<f4"), "FP32")])
    more = b', "id": "a", "id": "b"}'
    size = int(headers[HEADER])
    body = body[: size - 1] + more + body[size:]
    sentence = "id is given more than once: give it once"
    answer = client.post(f"{MODEL}/infer", content=body, headers={HEADER: str(size - 1 + len(more))})
    assert refusal(answer) == sentence
    many = json.dumps({"inputs": named(MAX_ROWS)}).encode()
    assert refusal(client.post(f"{MODEL}/infer", content=many[:-1] + more)) == sentence


@pytest.mark.parametrize(
    "request_",
    [
        {"inputs": named()},
        {"id": "7", "inputs": [ONE], "outputs": [{"name": "prediction"}]},
        {"id": None, "inputs": named(parameters=None), "outputs": None, "parameters": None},
        {
            "parameters": {"content_type": "np", "binary_data_output": False},
            "inputs": named(parameters={"content_type": "np"}),
            "outputs": [{"name": "prediction", "parameters": {"binary_data": False, "content_type": "str"}}],
        },
    ],
)
def test_no_json_is_read_twice_that_repeats_nothing(request_: dict[str, Any]) -> None:
    body = json.dumps(request_).encode()
    assert body.count(b'"') == quotes(strings(InferenceRequest.model_validate_json(body)))


@pytest.mark.parametrize("length", ["-1", "x", "1.0", "", "99999", "9" * 5000, "٣"])
def test_a_header_length_that_the_body_does_not_have_is_refused(client: Client, length: str) -> None:
    answer = client.post(f"{MODEL}/infer", content=b"{}", headers={HEADER: length.encode()})
    assert refusal(answer) == f"the header {HEADER} must be the number of bytes of the JSON in the body"


def test_a_byte_order_mark_before_the_json_is_taken(client: Client) -> None:
    json_bytes = b"\xef\xbb\xbf" + json.dumps({"inputs": [ONE]}).encode()
    assert client.post(f"{MODEL}/infer", content=json_bytes).json()["outputs"]


def test_sizes_too_long_for_python_to_write_are_refused(client: Client) -> None:
    size = int("9" * 4300)
    for inputs in (
        [{**ONE, "shape": [size, len(ROW)]}],
        [{**tensor, "parameters": {"binary_data_size": size}, "data": None} for tensor in named()],
    ):
        refused = client.post(f"{MODEL}/infer", json={"inputs": inputs})
        assert refused.status_code == 400
        assert "less than" in refused.json()["error"]


def test_sizes_of_binary_data_that_do_not_fit_are_refused(client: Client) -> None:
    rows = np.array([ROW], "<f4")
    body, headers = with_binary([("observations", rows, "FP32")])
    assert "28 bytes, and 29 come after" in refusal(
        client.post(f"{MODEL}/infer", content=body + b"x", headers=headers)
    )
    body, headers = with_binary([("observations", rows.view(np.uint8)[:, :27], "FP32")])
    sentence = refusal(client.post(f"{MODEL}/infer", content=body, headers=headers))
    assert sentence == "the binary_data_size of inputs[0] is not a multiple of the size of its datatype"
    sentence = refusal(client.post(f"{MODEL}/infer", content=b"x" * 29, headers={HEADER: "0"}))
    assert sentence.endswith("28 bytes as FP32 or 56 bytes as FP64")
    body, headers = with_binary([("observations", rows, "BF16")])
    assert refusal(client.post(f"{MODEL}/infer", content=body, headers=headers)).startswith(
        "the datatype of "
    )


def test_single_rows_and_many_take_the_slots_of_the_other_endpoints(make_model: MakeModel) -> None:
    model = make_model()
    client = app_of(model)
    model.in_flight.free = {SINGLE: 0, BULK: 1}
    assert refusal(client.post(f"{MODEL}/infer", json={"inputs": [ONE]}), 429)
    assert client.post(f"{MODEL}/infer", json={"inputs": named(2000)}).status_code == 200
    model.in_flight.free = {SINGLE: 1, BULK: 0}
    assert client.post(f"{MODEL}/infer", json={"inputs": [ONE]}).status_code == 200
    assert refusal(client.post(f"{MODEL}/infer", json={"inputs": named(2)}), 429)
    large = b" " * (ENDPOINTS[SINGLE].max_bytes + 1)
    assert refusal(client.post(f"{MODEL}/infer", content=large), 429), "before it was parsed"
    assert model.in_flight.free == {SINGLE: 1, BULK: 0}
