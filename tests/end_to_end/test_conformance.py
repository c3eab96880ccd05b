"""The service conforms to its own OpenAPI document: every check of schemathesis on every operation.

Each operation gets the document's examples, the limits of its schema, other methods and media types, then
generated requests: bodies that the document allows must be accepted, others rejected. ``make fuzz``
runs more of the same.

This module is also schemathesis' hooks: it generates CSV bodies, which a schema can't describe.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.serving import PROJECT, served
from tests.processes import started
from weather.contract.variables import BINARY, EXAMPLE, FEATURES, LIMITS
from weather.http.limits import BULK, INFER, MODEL, SINGLE
from weather.open_inference.binary import HEADER
from weather.open_inference.datatypes import DTYPES

FEW = 200
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", FEW))
"""Generated requests per POST path; there is one per GET path."""

REPEAT = EXAMPLES == FEW
"""Tests send the same requests each time, so that none fails by chance; ``make fuzz`` sends new ones."""

MAX_SECONDS = 270
"""Time limit of one run of schemathesis, which then stops and reports what it has done."""

KEY = "the key"

FORECASTS = [f"POST {path}" for path in (SINGLE, BULK, INFER, f"{MODEL}/versions/{{version}}/infer")]
"""The operations that forecast."""

ran: list[int] = []
"""Cases of each run of schemathesis."""

Conforms = Callable[..., dict[str, Any]]

Table = tuple[list[str], list[list[str]]]
"""Header and lines of a CSV body."""

NOT_NUMBERS = (
    "",
    " ",
    "nan",
    "-inf",
    "1e400",
    "0x1",
    "1 0",
    "true",
    "#",
    "\0",
    "'1'",
    "9" * 200_000,
    "1_0",
    "١",
)
"""Cells that are not numbers in CSV; Python accepts the last two as numbers."""


@cache
def cells(name: str) -> st.SearchStrategy[str]:
    """Ways to write an accepted value of a field."""
    low, high = LIMITS[name]
    forms = [form.format for form in ("{}", " {} ", '"{}"', "{:.3e}", "{:+.1f}")]
    integers = st.integers(int(low), int(high))
    numbers = integers if name in BINARY else st.floats(low, high) | integers
    written = st.builds(lambda form, number: form(number), st.sampled_from(forms), numbers)
    return written.filter(lambda cell: low <= float(cell.strip('"')) <= high)  # rounding may leave the range


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """The fields in any order, one line per observation."""
    names = draw(st.permutations(FEATURES))
    return names, draw(st.lists(st.tuples(*map(cells, names)).map(list), min_size=1, max_size=6))


@st.composite
def damaged_tables(draw: st.DrawFn) -> Table:
    """Tables with one fault."""
    names, lines = draw(tables())
    line, column = draw(st.sampled_from(lines)), draw(st.integers(0, len(FEATURES) - 1))
    low, high = LIMITS[names[column]]
    below, above = st.floats(max_value=low, exclude_max=True), st.floats(min_value=high, exclude_min=True)
    match draw(st.sampled_from(["a cell", "a value too many", "one too few", "a name", "no lines"])):
        case "a cell":
            inside = st.floats(low, high, exclude_min=True, exclude_max=True)
            refused = below | above | inside if names[column] in BINARY else below | above
            line[column] = draw(refused.map(repr) | st.sampled_from(NOT_NUMBERS))
        case "a value too many":
            for some in draw(st.sampled_from([[line], lines])):
                some.append("1")
        case "one too few":
            line.pop()
        case "a name":
            names[column] = draw(st.sampled_from(["", "dewpoint", names[column].upper(), names[column - 1]]))
        case "no lines":
            lines.clear()
    return names, lines


@st.composite
def as_csv(draw: st.DrawFn, tables: st.SearchStrategy[Table]) -> str:
    """A table in the styles of different programs."""
    names, lines = draw(tables)
    mark = draw(st.sampled_from(["", "\ufeff"]))
    quote, end = draw(st.sampled_from(["", '"'])), draw(st.sampled_from(["\n", "\r\n"]))
    header = ",".join(quote + name + quote for name in names)
    return mark + end.join([header, *map(",".join, lines)]) + end * draw(st.integers(0, 2))


schemathesis.openapi.format("csv", as_csv(tables()))


@schemathesis.hook
def map_case(_: object, case: Any) -> Any:
    """What a schema can't say: an inference request's tensors agree with their shapes; keep is for CSV."""
    if case.path.endswith("/predict_batch") and case.media_type != "text/csv" and case.query:
        case.query.pop("keep", None)
    if not case.path.endswith("/infer") or case.meta is None or case.meta.generation.mode.is_negative:
        return case
    if case.path_parameters:
        case.path_parameters["version"] = os.environ["SERVED_VERSION"]
    random = Random(repr(case.body))
    tensors = random_tensors(random, random.choice([1, 1, 1, 2, 3, 500]))
    generated: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
    outputs = {output["name"]: output for output in generated.get("outputs") or []}
    body = {**generated, "outputs": list(outputs.values()), "inputs": tensors}
    case.headers.pop(HEADER, None)
    if case.media_type == "application/json":
        case.body = body
    else:
        parts = []
        for tensor in tensors:
            parts.append(np.array(tensor.pop("data"), DTYPES[tensor["datatype"]]).tobytes())
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        head = json.dumps(body).encode()
        case.body = b"".join([head, *parts])
        case.headers[HEADER] = str(len(head))
    return case


def random_tensors(random: Random, rows: int) -> list[dict[str, Any]]:
    """A tensor per field, in any order, of accepted values."""
    tensors = []
    for name in random.sample(FEATURES, len(FEATURES)):
        low, high = LIMITS[name]
        datatype = random.choice(["FP32", "FP64", "INT16"])
        draw = random.randint if datatype == "INT16" or name in BINARY else random.uniform
        data = [draw(int(low), int(high)) for _ in range(rows)]
        shape = random.choice([[rows], [rows, 1]])
        tensors.append({"name": name, "datatype": datatype, "shape": shape, "data": data})
    return tensors


sized = settings(
    max_examples=max(FEW, EXAMPLES // 4),
    derandomize=REPEAT,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),  # they depend on the machine; sharing the fixture is intended
)


@pytest.fixture(scope="module")
def locked(bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that requires a key."""
    # A home of its own: a service that starts clears the metrics of the others in its home.
    home = shutil.copytree(bentoml_home, tmp_path_factory.mktemp("locked") / "home")
    file = home / "keys"
    file.write_text(f"test:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    with served(home, env={"WEATHER_API_KEYS_FILE": str(file)}) as address:
        yield address


@pytest.fixture
def conforms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Conforms:
    """Runs schemathesis on a service's own document, checks that nothing failed, returns its report."""

    def run(url: str, *flags: str, examples: int = EXAMPLES) -> dict[str, Any]:
        file = tmp_path / "report.json"
        version: str = httpx.get(url + MODEL).json()["versions"][0]
        with started(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--checks", "all"),
            # No operation changes what another one answers, so that sequences of them would find nothing.
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(examples), "--report", "json", "--report-json-path", str(file)),
            *(["--generation-deterministic"] if REPEAT else ["--generation-database", "none"]),
            *("--suppress-health-check", "all", "--no-color", *flags),  # they depend on the machine
            cwd=PROJECT,
            env={**os.environ, "SCHEMATHESIS_HOOKS": __name__, "SERVED_VERSION": version},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                output, _ = process.communicate(timeout=MAX_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate()
        assert file.exists(), output
        report: dict[str, Any] = json.loads(file.read_text())
        assert not report["failures"], output
        assert not report["errors"], output
        tested = report["operations"]["tested"]
        assert tested == report["operations"]["total"] or report["stop_reason"] != "completed", output
        assert tested > 0, output
        ran.append(report["test_cases"]["generated"])
        took = f"{report['stop_reason']} after {report['running_time']:.0f} s"
        with capsys.disabled():
            print(f"\n{took}: {ran[-1]:,} cases, so far {sum(ran):,}")
        return report

    return run


@pytest.mark.slow("thousands of requests")
def test_the_service_conforms_to_its_document(conforms: Conforms, url: str) -> None:
    report = conforms(url)
    if report["stop_reason"] == "completed":
        for path in FORECASTS:
            fuzzing = report["valid_rates"][path]["fuzzing"]
            assert fuzzing["accepted"] > EXAMPLES // 4, "at least that many requests were valid and answered"


@pytest.mark.slow("another run of schemathesis")
def test_a_service_whose_model_can_do_without_a_field_conforms(
    conforms: Conforms, committed_url: str
) -> None:
    assert httpx.get(f"{committed_url}/model").json()["optional"], "or this is the test above once more"
    conforms(committed_url, examples=EXAMPLES // 5)


@pytest.mark.slow("another run of schemathesis")
def test_a_service_with_keys_conforms_for_a_client_with_a_key(conforms: Conforms, locked: str) -> None:
    conforms(locked, "--header", f"Authorization: Bearer {KEY}", examples=EXAMPLES // 5)


@pytest.mark.slow("another run of schemathesis")
def test_a_service_with_keys_conforms_for_a_client_without_one(conforms: Conforms, locked: str) -> None:
    report = conforms(locked, examples=EXAMPLES // 5)
    assert report["warnings"]["missing_auth"] == FORECASTS, "only 401 there"


@sized
@given(body=as_csv(damaged_tables()))
def test_a_csv_body_with_a_fault_is_rejected(client: httpx.Client, body: str) -> None:
    answer = client.post("/predict_batch", content=body.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/predict", "application/json"),
        ("/predict_batch", "application/json"),
        ("/predict_batch", "text/csv"),
    ],
)
@sized
@given(noise=st.binary(max_size=100), cut=st.integers(0, 100))
def test_random_bytes_are_rejected(
    client: httpx.Client, path: str, media_type: str, noise: bytes, cut: int
) -> None:
    body = json.dumps(EXAMPLE).encode()[:cut] + noise
    answer = client.post(path, content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]
