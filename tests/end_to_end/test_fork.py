"""A fork to other fields: in a copy of the repository only contract/fields.py and the artifacts are others.

Everything else must follow: parsing, messages, OpenAPI, metrics, the page, the load test and the tests of
serving. The artifacts are those of tests/fixtures/pair.py, which follows the contract too.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from loadtest.serving import PROJECT, served
from tests.fixtures import fork_fields
from tests.pages.browser import CHROMIUM, browser, patient
from tests.processes import started
from tests.waiting import PATIENCE, until
from weather.contract.variables import EXAMPLE as WEATHER

EXAMPLE = fork_fields.EXAMPLE
FIELDS = list(EXAMPLE)

PAIR = """
import json, sys
from pathlib import Path
from tests.fixtures import pair
from weather.contract.variables import LABELS
pair.write(Path("artifacts"))
records = json.loads(sys.argv[1])
print(json.dumps([[LABELS[pair.probability(r) > pair.THRESHOLD], pair.probability(r)] for r in records]))
"""

RECORDS: list[dict[str, float]] = [
    EXAMPLE,
    {**EXAMPLE, "vibration_mm_s": 150, "key": -4000},
    {**EXAMPLE, "shaft_angle": 300, "oil_temp_k": 450},
    {**EXAMPLE, "door_open": 1},
]


@dataclass(frozen=True)
class Fork:
    """A copy of the repository with the other contract; what its model should answer to RECORDS."""

    folder: Path
    home: Path
    expected: list[tuple[str, float]]

    def run(self, *command: str, seconds: float = 5 * PATIENCE) -> subprocess.CompletedProcess[str]:
        """A Python program in the copy."""
        environment = {**os.environ, "BENTOML_HOME": str(self.home), "PYTHONPATH": ""}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with started(sys.executable, *command, cwd=self.folder, env=environment, **pipes) as process:
            output, _ = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(process.args, process.returncode, output)


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Fork:
    folder, home = tmp_path_factory.mktemp("fork") / "copy", tmp_path_factory.mktemp("fork-home")
    shutil.copytree(
        PROJECT, folder, ignore=shutil.ignore_patterns(".[!c]*", "__pycache__", "reports", "mutants")
    )
    shutil.copy(fork_fields.__file__, folder / "weather" / "contract" / "fields.py")
    made = Fork(folder, home, [])
    done = made.run("-c", PAIR, json.dumps(RECORDS))
    assert done.returncode == 0, done.stdout
    made.expected.extend(json.loads(done.stdout.splitlines()[-1]))
    done = made.run("train_import.py", "import")
    assert done.returncode == 0, done.stdout
    return made


@pytest.fixture(scope="module")
def url(fork: Fork) -> Iterator[str]:
    """The address of the fork's service."""
    with served(fork.home, cwd=fork.folder) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=PATIENCE) as session:
        yield session


def test_each_record_gets_the_forecast_of_the_forks_model(client: httpx.Client, fork: Fork) -> None:
    assert {label for label, _ in fork.expected} == {"Healthy", "Worn_Out"}
    for record, (label, probability) in zip(RECORDS, fork.expected, strict=True):
        answer = client.post("/predict", json=record).json()
        assert answer == {"prediction": label, "probability": pytest.approx(probability, abs=2e-5)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"vibration_mm_s": 201},
            "vibration_mm_s is out of range: give a number from 0 to 200 mm/s, root mean square",
        ),
        ({"key": "fast"}, "key is not a JSON number: give a number from -5000 to 5000 1/min"),
        ({"temp_c": 8.75}, f"temp_c is not a known field; the fields are {', '.join(FIELDS)}"),
    ],
)
def test_messages_name_the_forks_fields_and_ranges(
    client: httpx.Client, change: dict[str, object], message: str
) -> None:
    answer = client.post("/predict", json={**EXAMPLE, **change})
    assert answer.status_code == 400
    assert answer.json()["error"] == message


def test_a_record_of_the_weather_contract_is_rejected(client: httpx.Client) -> None:
    answer = client.post("/predict", json=WEATHER)
    assert answer.status_code == 400
    assert len(answer.json()["detail"]) == len(FIELDS) + len(WEATHER)


def test_bulk_requests_take_the_forks_columns(client: httpx.Client, fork: Fork) -> None:
    many = client.post("/predict_batch", json={"observations": RECORDS}).json()["forecasts"]
    assert [forecast["prediction"] for forecast in many] == [label for label, _ in fork.expected]
    lines = [",".join(FIELDS), *(",".join(str(record[name]) for name in FIELDS) for record in RECORDS)]
    headers = {"Content-Type": "text/csv"}
    answer = client.post("/predict_batch", content="\n".join(lines), headers=headers).text
    assert [line.split(",")[0] for line in answer.splitlines()] == [
        "prediction",
        *(label for label, _ in fork.expected),
    ]
    answer = client.post("/predict_batch", content="temp_c\n1\n", headers=headers).json()["error"]
    assert answer == f"the first line names none of the fields {', '.join(FIELDS)}"


def test_the_openapi_document_describes_the_forks_contract(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["info"]["title"] == "Bearing check"
    schemas = document["components"]["schemas"]
    assert list(schemas["WeatherVariables"]["properties"]) == FIELDS
    assert schemas["WeatherVariables"]["properties"]["key"]["unit"] == "1/min"
    assert schemas["Forecast"]["properties"]["prediction"]["enum"] == ["Healthy", "Worn_Out"]
    content = document["paths"]["/predict_batch"]["post"]["requestBody"]["content"]
    example = content["text/csv"]["example"]
    assert example.splitlines()[0] == ",".join(FIELDS)
    headers = {"Content-Type": "text/csv"}
    assert client.post("/predict_batch", content=example, headers=headers).status_code == 200


def test_metrics_have_the_forks_labels(client: httpx.Client) -> None:
    client.post("/predict", json={**EXAMPLE, "vibration_mm_s": 0.001})
    metrics = client.get("/metrics").text
    for label in ("Healthy", "Worn_Out"):
        assert f'rain_forecast_forecasts_total{{prediction="{label}"}}' in metrics
    features = re.findall(r'rain_forecast_inputs_out_of_range_total{feature="(\w+)"}', metrics)
    assert sorted(features) == sorted(FIELDS)


def test_nothing_that_the_service_sends_names_a_field_or_class_of_the_weather_contract(
    client: httpx.Client,
) -> None:
    html = {"Accept": "text/html"}
    scripts = [f"/static/{file.name}" for file in (PROJECT / "weather" / "pages" / "static").glob("*.js")]
    texts = {path: client.get(path, headers=html).text for path in ("/", "/docs", "/model", *scripts)}
    texts |= {path: client.get(path).text for path in ("/", "/model", "/openapi.json", "/metrics")}
    for path, text in texts.items():
        for word in (*WEATHER, "No_Rain", '"Rain"', "New York"):
            assert word not in text, (path, word)


@pytest.mark.slow("drives a browser")
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
def test_the_page_has_the_forks_fields_and_words(url: str, fork: Fork) -> None:
    with browser() as running:
        page = patient(running.new_page(base_url=url))
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/")
        page.locator("#curve svg").wait_for()
        expect(page).to_have_title("Bearing check")
        expect(page.locator("h1")).to_have_text("Will the bearing fail in the next 6 hours?")
        names = page.locator("#form .field input[name]").evaluate_all(
            "inputs => inputs.map(input => input.name)"
        )
        assert names == FIELDS

        def fill(record: dict[str, Any]) -> None:
            for name, value in record.items():
                if name == "door_open":
                    page.get_by_role("switch", name="The door is open").set_checked(value == 1)
                else:
                    page.fill(f"#field-{name}", str(value))
            page.get_by_role("button", name="Forecast", exact=True).click()

        words = {"Healthy": "Healthy", "Worn_Out": "Worn out"}
        for record, (label, probability) in zip(RECORDS, fork.expected, strict=True):
            fill(record)
            expect(page.locator("#decision")).to_have_text(words[label])
            expect(page.locator("#reason")).to_contain_text(
                f"chance of worn out within the next 6 hours. {words[label]}, because that is"
            )
            percent = f"{100 * probability:.{1 if probability < 0.095 else 0}f}"
            expect(page.locator("#chance")).to_have_text(f"{percent}\N{NO-BREAK SPACE}%")

        fill({**EXAMPLE, "key": 9999})
        expect(page.locator("#field-key-error")).to_have_text(
            "key is out of range: give a number from -5000 to 5000 1/min."
        )
        expect(page.locator("#key")).not_to_have_attribute("aria-invalid", "true")
        expect(page.locator("#decision")).to_have_text("No forecast")

        page.get_by_role("button", name="Fast & hot").click()
        expect(page.locator("#field-key")).to_have_value("4000")
        expect(page.locator("#outcome")).to_have_text("What happened then: it failed.")
        select = page.get_by_role("combobox", name="How the chance changes with")
        select.select_option(label="oil temperature")
        expect(page.get_by_role("img", name=re.compile("^From .* K to .* K"))).to_be_visible()
        expect(page.locator("#curve-table th").nth(1)).to_have_text("closed now")
        expect(page.locator("#curve-table th").nth(2)).to_have_text("if open")
        page.locator(".compass").click(position={"x": 10, "y": 40})
        angle = int(page.locator("#field-shaft_angle").input_value())
        assert math.isclose(angle, 270, abs_tol=15)
        assert complaints == []


@pytest.mark.slow("a run of Locust")
def test_the_load_test_sends_the_forks_observations(url: str, fork: Fork) -> None:
    """15 users are some of each kind, by their weights."""
    kinds = ("Station", "Front", "Bulk", "BadClient")
    limits = fork.folder / "limits.toml"
    limits.write_text("failed_share = 0\n")
    # On a busy machine Locust may need longer to begin than a run takes; the next one takes twice as long.
    lengths = (6 * 2**number for number in count())

    def both_asked() -> bool:
        command = ("-m", "loadtest.run", "--url", url, "--seconds", str(next(lengths)), "--users", "15")
        done = fork.run(*command, "--thresholds", str(limits), *kinds)
        assert done.returncode == 0, done.stdout
        return "/predict_batch" in done.stdout and "/predict, invalid" in done.stdout

    until(both_asked)


@pytest.mark.slow("runs tests of serving a second time")
def test_tests_of_serving_pass_in_the_fork(fork: Fork) -> None:
    files = [
        "tests/contract/test_variables.py",
        "tests/model/test_classifier.py",
        "tests/pages/test_routes.py",
        "tests/pages/test_served_model.py",
        "tests/serving/test_bulk.py",
        "tests/telemetry/test_metrics.py",
        "tests/end_to_end/test_service.py",
    ]
    done = fork.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *files)
    assert done.returncode == 0, done.stdout[-5000:]
