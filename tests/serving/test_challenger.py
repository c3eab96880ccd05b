"""The challenger: what it computes, when, and what the log and the metrics have of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore
from numpy.typing import NDArray

from loadtest.run import logging_to
from loadtest.serving import served
from loadtest.stations import OBSERVATIONS
from tests.fixtures import pair
from tests.serving.store import Store
from tests.serving.test_swapping import series
from tests.waiting import until
from weather.contract.names import COMPILED_FILE
from weather.contract.variables import EXAMPLE, FEATURES, LABELS
from weather.serving.challenger import IDLE_SECONDS, MAX_PENDING_ROWS, Challenger
from weather.telemetry.challenger_metrics import challenger_families
from weather.telemetry.forecast_log import CHALLENGER_SCHEMA, CHUNK, SCHEMA, Answered, ForecastLog, Opinion

ROWS = np.array([[row[name] for name in FEATURES] for row in OBSERVATIONS])


class Lines(ForecastLog):
    """A forecast log that keeps what it is given, instead of passing it to BentoML's monitor."""

    def __init__(self) -> None:
        super().__init__(1, challenged=True)
        self.lines: list[tuple[list[float], str, Opinion]] = []

    def write(self, answered: Answered, opinions: Any = ()) -> None:
        for row, opinion in zip(
            answered.rows.tolist(), opinions or [(None, None, None)] * len(answered), strict=True
        ):
            self.lines.append((row, answered.model, opinion))


@pytest.fixture
def in_store(store: Store) -> Iterator[Store]:
    """The store with two pairs, as that of this process."""
    previous = BentoMLContainer.model_store.get()
    BentoMLContainer.model_store.set(ModelStore(store.home / "models"))
    yield store
    BentoMLContainer.model_store.set(previous)


def answered(rows: NDArray[np.float64], model: str = "weather-classifier:served") -> Answered:
    """Rows that were answered with No_Rain, and without a probability."""
    return Answered(rows, [False] * len(rows), [None] * len(rows), model)


def run(
    store: Store, steps: Callable[[Challenger], Awaitable[None]], share: float = 1, idle: bool = True
) -> list[tuple[list[float], str, Opinion]]:
    """What the log has after the steps with a challenger that has been loaded."""

    async def main() -> None:
        subject.start(lambda: idle)
        while subject.classifier is None:
            await asyncio.sleep(0)
        await steps(subject)
        await subject.stop()

    lines = Lines()
    subject = Challenger(store.second, share, lines)
    asyncio.run(main())
    return lines.lines


async def emptied(subject: Challenger) -> None:
    while subject.pending:
        await asyncio.sleep(0)


def dropped(reason: str) -> float:
    value: float = challenger_families()["dropped"].labels(reason)._value.get()
    return value


def test_every_row_gets_its_own_answer_in_order(in_store: Store) -> None:
    async def steps(subject: Challenger) -> None:
        await subject.record(answered(ROWS[:1]))
        await subject.record(answered(ROWS[1 : 2 * CHUNK + 8]))
        await emptied(subject)

    lines = run(in_store, steps)
    assert [row for row, _, _ in lines] == ROWS[: 2 * CHUNK + 8].tolist()
    for row, model, (probability, prediction, challenger) in lines:
        expected = pair.probability(dict(zip(FEATURES, row, strict=True)), pair.VARIANT)
        assert probability == pytest.approx(expected, abs=1e-4)
        if abs(expected - pair.VARIANT.threshold) > 1e-4:
            assert prediction == LABELS[expected > pair.VARIANT.threshold]
        assert (model, challenger) == ("weather-classifier:served", in_store.second)


def test_nothing_is_computed_while_requests_are_in_flight_and_what_finds_no_room_is_dropped(
    in_store: Store,
) -> None:
    many = np.tile(ROWS, (MAX_PENDING_ROWS // len(ROWS) + 1, 1))
    before = dropped("busy")

    async def steps(subject: Challenger) -> None:
        await subject.record(answered(many[: MAX_PENDING_ROWS - 1]))
        await subject.record(answered(many[:2]))
        await subject.record(answered(many[:1]))
        for _ in range(5):
            await asyncio.sleep(2 * IDLE_SECONDS)
        assert subject.rows == MAX_PENDING_ROWS

    lines = run(in_store, steps, idle=False)
    assert dropped("busy") == before + 2
    assert len(lines) == MAX_PENDING_ROWS + 2, "in the end all lines are there"
    assert {opinion for _, _, opinion in lines} == {(None, None, None)}


def test_a_row_that_lacks_what_the_challenger_needs_is_left_out(in_store: Store) -> None:
    rows = ROWS[:3].copy()
    rows[1, 2] = np.nan
    before = dropped("missing")

    async def steps(subject: Challenger) -> None:
        await subject.record(answered(rows))
        await emptied(subject)

    assert [opinion[2] for _, _, opinion in run(in_store, steps)] == [in_store.second, None, in_store.second]
    assert dropped("missing") == before + 1


def test_the_share_is_that_of_the_batches_and_what_it_answered_itself_is_not_computed_again(
    in_store: Store,
) -> None:
    async def steps(subject: Challenger) -> None:
        for _ in range(400):
            await subject.record(answered(ROWS[:2]))
        await emptied(subject)
        await subject.record(answered(ROWS[:1], model=in_store.second))

    *lines, own = run(in_store, steps, share=0.5)
    computed = [opinion[2] is not None for _, _, opinion in lines]
    assert 240 < sum(computed) < 560  # eight standard deviations
    assert own[2] == (None, None, None)


def test_the_service_logs_and_counts_what_the_challenger_computes(store: Store, tmp_path: Path) -> None:
    environment = {**logging_to(tmp_path), "WEATHER_CHALLENGER": store.second}
    with served(store.home, env=environment) as url:
        until(lambda: series(url, "challenger_loaded") == {store.second: 1})
        single = httpx.post(f"{url}/predict", json=EXAMPLE)
        bulk = httpx.post(f"{url}/predict_batch", json={"observations": OBSERVATIONS})
        total = 1 + len(OBSERVATIONS)
        until(lambda: sum(series(url, "challenger_forecasts_total").values()) == total)
        found = series(url, "challenger_forecasts_total")
        differences = series(url, "challenger_probability_difference_sum")[""]
        largest = series(url, "challenger_probability_difference_max")[""]
        outside = series(url, "challenger_inputs_out_of_range_total")
    assert single.headers["X-Model-Version"] == bulk.headers["X-Model-Version"] == store.first
    lines = [
        json.loads(line) for file in tmp_path.rglob("data*.log") for line in file.read_text().splitlines()
    ]
    assert len(lines) == total
    forecasts = [single.json(), *bulk.json()["forecasts"]]
    for line, forecast in zip(lines, forecasts, strict=True):
        assert line.keys() == {*(name for name, _, _ in (*SCHEMA, *CHALLENGER_SCHEMA)), "timestamp"}
        assert {name: line[name] for name in forecast} == forecast
        expected = pair.probability({name: line[name] for name in FEATURES}, pair.VARIANT)
        assert line["challenger_probability"] == pytest.approx(expected, abs=1e-4)
        assert (line["model"], line["challenger_model"]) == (store.first, store.second)
    same = sum(line["prediction"] == line["challenger_prediction"] for line in lines)
    assert found == {"same": same, "different": total - same}
    assert 0 < same < total
    each = [abs(line["probability"] - line["challenger_probability"]) for line in lines]
    assert differences == pytest.approx(sum(each))
    assert largest == pytest.approx(max(each))
    assert set(outside.values()) == {0}, "the rows are those of the pair's training"


def test_a_challenger_that_fails_its_check_does_no_harm(store: Store, tmp_path: Path) -> None:
    (store.folder(store.second) / COMPILED_FILE).write_bytes(b"another graph")
    output = tmp_path / "log"
    environment = {**logging_to(tmp_path / "forecasts"), "WEATHER_CHALLENGER": store.second}
    with output.open("wb") as log, served(store.home, env=environment, log=log) as url:
        until(lambda: "does not compute" in output.read_text())
        assert httpx.post(f"{url}/predict", json=EXAMPLE).headers["X-Model-Version"] == store.first
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert series(url, "challenger_loaded") == {store.second: 0}
    (line,) = (tmp_path / "forecasts").rglob("data*.log")
    assert json.loads(line.read_text())["challenger_model"] is None


def test_without_a_challenger_there_are_no_metrics_of_it(url: str) -> None:
    assert "challenger" not in httpx.get(f"{url}/metrics").text
