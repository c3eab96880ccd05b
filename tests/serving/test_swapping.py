"""Another pair is served without a restart, by the real service."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.serving import family_of
from loadtest.stations import OBSERVATIONS
from tests.fixtures import pair
from tests.serving.store import Store
from tests.serving.test_single_process import readiness, single
from tests.serving.test_supervision import Started, started, started_anyhow, status
from tests.waiting import PATIENCE, until
from weather.contract.names import CLASSIFIER, COMPILED_FILE, MANIFEST_FILE
from weather.contract.variables import EXAMPLE, FEATURES

HEADER = "X-Model-Version"


def answer(url: str) -> tuple[str, float]:
    """The model that answered, and the probability of the example."""
    response = httpx.post(f"{url}/predict", json=EXAMPLE)
    assert response.status_code == 200, response.text
    return response.headers[HEADER], response.json()["probability"]


def assert_answer(url: str, tag: str, constants: pair.Constants) -> None:
    """The model answers, and with its own probability."""
    model, probability = answer(url)
    assert model == tag
    assert probability == pytest.approx(pair.probability(EXAMPLE, constants), abs=1e-4)


def is_served(url: str, tag: str) -> bool:
    return answer(url)[0] == tag


def series(url: str, family: str) -> dict[str, float]:
    """The values of a family by the values of its labels, in the order of their names."""
    return {
        ",".join(value for _, value in sorted(sample.labels.items())): sample.value
        for found in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
        for sample in found.samples
        if sample.name == f"rain_forecast_{family}"
    }


def swaps(url: str) -> dict[str, float]:
    """The attempts to serve another pair, by result."""
    return {result: value for result, value in series(url, "model_swaps_total").items() if value}


@pytest.fixture
def service(store: Store, tmp_path: Path) -> Iterator[tuple[Started, Path]]:
    """Two workers, and the file with their log."""
    output = tmp_path / "log"
    two = {"BENTOML_CONFIG_OPTIONS": "services.rain_forecast.workers=2"}
    with output.open("wb") as log, started(store.home, log=log, env=two) as running:
        until(lambda: output.read_text().count("Completed startup hook") == 2)
        yield running, output


def test_a_hang_up_signal_swaps_in_all_workers_and_everything_follows(
    store: Store, service: tuple[Started, Path]
) -> None:
    running, output = service
    url, workers = running.url, running.workers()
    assert_answer(url, store.first, pair.PAIR)
    before = httpx.get(f"{url}/model")
    store.promote(store.second)
    running.process.send_signal(signal.SIGHUP)
    until(lambda: output.read_text().count(f"{store.second} is served now") == 2)
    assert running.workers() == workers
    for _ in range(8):
        assert_answer(url, store.second, pair.VARIANT)
    bulk = httpx.post(f"{url}/predict_batch", json={"observations": [EXAMPLE]})
    assert bulk.headers[HEADER] == store.second
    version = store.second.partition(":")[2]
    inputs = [{"name": n, "shape": [1, 1], "datatype": "FP64", "data": [EXAMPLE[n]]} for n in FEATURES]
    inferred = httpx.post(f"{url}/v2/models/rain_forecast/infer", json={"inputs": inputs})
    assert inferred.headers[HEADER] == store.second
    assert inferred.json()["model_version"] == version
    assert httpx.get(f"{url}/v2/models/rain_forecast").json()["versions"] == [version]
    after = httpx.get(f"{url}/model", headers={"If-None-Match": before.headers["etag"]})
    assert after.json()["tags"]["classifier"] == store.second
    assert after.json()["threshold"] == pair.VARIANT.threshold
    assert version in httpx.get(f"{url}/model", headers={"Accept": "text/html"}).text
    until(lambda: swaps(url) == {"swapped": 2})
    assert series(url, "model_info") == {
        f"{store.first},{pair.HORIZON_HOURS},{store.scaler}": 0,
        f"{store.second},{pair.HORIZON_HOURS},{store.scaler}": 1,
    }
    # A worker that starts later loads what the others have, whatever the latest is now.
    store.promote(store.first)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    until(lambda: bool(running.workers() - workers) and running.ready())
    assert is_served(url, store.second)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [("files", "has changed since it was imported"), ("golden", "golden row"), ("store", "can't be read")],
)
def test_a_pair_that_fails_stays_out_and_log_and_metric_say_why(
    store: Store, tmp_path: Path, reason: str, sentence: str
) -> None:
    folder = store.folder(store.second)
    if reason == "files":
        (folder / COMPILED_FILE).write_bytes(b"another graph")
    elif reason == "golden":
        manifest, metadata = folder / MANIFEST_FILE, folder / "model.yaml"
        before = manifest.read_bytes()
        changed = before.replace(b'"prediction": "Rain"', b'"prediction": "No_Rain"', 1)
        assert changed != before
        manifest.write_bytes(changed)
        old, new = (hashlib.sha256(content).hexdigest() for content in (before, changed))
        assert old in metadata.read_text()
        metadata.write_text(metadata.read_text().replace(old, new))
    output = tmp_path / "log"
    with output.open("wb") as log, started(store.home, log=log) as running:
        store.promote(store.second if reason != "store" else f"{CLASSIFIER}:gone")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: swaps(running.url) == {reason: 1})
        assert is_served(running.url, store.first)
        assert running.ready()
    (line,) = (line for line in output.read_text().splitlines() if " is not served: " in line)
    assert sentence in line


def test_a_single_process_follows_the_latest_and_obeys_a_hang_up_signal(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    with single(store.home, folder, WEATHER_FOLLOW_LATEST="0.5") as (url, process):
        until(lambda: readiness(url) == 200)
        assert is_served(url, store.first)
        for tag in (store.second, store.first):
            store.promote(tag)
            until(lambda tag=tag: is_served(url, tag))  # type: ignore[misc]
        assert swaps(url) == {"swapped": 2}
        assert process.poll() is None
    with single(store.home, folder) as (url, process):
        until(lambda: readiness(url) == 200)
        store.promote(store.second)
        process.send_signal(signal.SIGHUP)
        until(lambda: is_served(url, store.second))


def test_a_model_that_failed_at_the_start_is_replaced_by_one_that_passes(store: Store) -> None:
    graph = store.folder(store.first) / COMPILED_FILE
    content = graph.read_bytes()
    graph.write_bytes(b"another graph")
    with started_anyhow(store.home) as running:
        until(lambda: status(f"{running.url}/livez") == 200)
        assert status(f"{running.url}/readyz") == 503
        running.family.extend(family_of(running.process))
        graph.write_bytes(content)
        running.process.send_signal(signal.SIGHUP)
        until(running.ready)
        assert is_served(running.url, store.first)


@pytest.mark.slow("twenty swaps under load take half a minute")
def test_under_load_every_answer_is_that_of_the_model_that_its_header_names(
    store: Store, tmp_path: Path
) -> None:
    expected = {
        tag: [pair.probability(row, constants) for row in OBSERVATIONS]
        for tag, constants in ((store.first, pair.PAIR), (store.second, pair.VARIANT))
    }
    apart = [abs(a - b) > 0.001 for a, b in zip(*expected.values(), strict=True)]
    assert sum(apart) > 0.9 * len(apart), "an answer shows which model it is of"
    answered: Counter[tuple[str, str]] = Counter()
    finished = asyncio.Event()

    def check(response: httpx.Response, numbers: list[int], forecasts: list[dict[str, float]]) -> None:
        tag = response.headers[HEADER]
        answered[response.url.path, tag] += 1
        for number, forecast in zip(numbers, forecasts, strict=True):
            assert forecast["probability"] == pytest.approx(expected[tag][number], abs=1e-4)

    async def ask_one_by_one(client: httpx.AsyncClient, number: int) -> None:
        while not finished.is_set():
            number = (number + 7) % len(OBSERVATIONS)
            response = await client.post("/predict", json=OBSERVATIONS[number])
            assert response.status_code == 200, response.text
            check(response, [number], [response.json()])

    async def ask_many(client: httpx.AsyncClient) -> None:
        records = {"observations": OBSERVATIONS}
        while not finished.is_set():
            response = await client.post("/predict_batch", json=records)
            assert response.status_code == 200, response.text
            check(response, list(range(len(OBSERVATIONS))), response.json()["forecasts"])

    async def swap(client: httpx.AsyncClient) -> None:
        for number in range(20):
            tag = store.first if number % 2 else store.second
            store.promote(tag)
            end = time.monotonic() + PATIENCE
            while (await client.post("/predict", json=EXAMPLE)).headers[HEADER] != tag:
                assert time.monotonic() < end
            before = answered.copy()
            while any(answered[path, tag] <= before[path, tag] for path in ("/predict", "/predict_batch")):
                await asyncio.sleep(0.01)
        finished.set()

    async def load(url: str) -> None:
        async with (
            httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for number in range(16):
                tasks.create_task(ask_one_by_one(client, 50 * number))
            tasks.create_task(ask_many(client))
            tasks.create_task(swap(client))

    with started(store.home, env={"WEATHER_FOLLOW_LATEST": "0.1"}) as running:
        asyncio.run(load(running.url))
        assert swaps(running.url) == {"swapped": 20}
    assert min(answered.values()) >= 10
    assert len(answered) == 4
