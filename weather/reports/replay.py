"""Logged observations asked again, and the answers beside the logged ones."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pandas as pd

from weather.contract.names import CLASSIFIER
from weather.contract.variables import FEATURES, POSITIVE
from weather.reports.logs import Log
from weather.training.observations import BadData

ATTEMPTS = 8
TIMEOUT_SECONDS = 15
"""Longer than the service's own 10, so that its 504 arrives."""

TRANSIENT = (429, 503)
VERSION_HEADER = "X-Model-Version"


@dataclass(frozen=True)
class Pace:
    """When each row is sent: at ``rate`` rows a second, or as logged but ``speed`` times as fast."""

    rate: float | None
    speed: float

    def seconds(self, times: pd.Series[Any]) -> list[float]:
        """Seconds after the start at which each row is due; ``times`` ascend."""
        if self.rate:
            return [number / self.rate for number in range(len(times))]
        passed = (times - times.iloc[0]).dt.total_seconds() / self.speed
        return [float(seconds) for seconds in passed]


@dataclass
class Replayed:
    """``table`` is the log's, in the order in which it was sent, with ``new_rain``, ``new_probability``,
    ``new_model`` and ``refused``, the service's sentence where it answered with an error.
    """

    table: pd.DataFrame
    retries: int = 0
    late_seconds: float = 0.0
    """By how much a row was behind its time at most: the service or ``connections`` held it up."""
    seconds: float = 0.0


class Unreachable(BadData):
    """The service can't be asked; the message says why."""


async def replay(
    log: Log, url: str, pace: Pace, connections: int, key: str | None, progress: Callable[[], None]
) -> Replayed:
    """Send the observations of a log to a service, at most ``connections`` at once.

    429 and 503 are sent again after ``Retry-After`` and up to a second more, and so is a request whose
    connection broke. ``progress`` is called after each row.

    Raises:
        Unreachable: a row got no answer in ATTEMPTS attempts, or the service wants another API key.
        BadData: which model answered can't be told.
    """
    table = log.table.sort_values("time", kind="stable").reset_index(drop=True)
    due = pace.seconds(table["time"])
    replayed = Replayed(table)
    answers: list[dict[str, Any]] = [{}] * len(table)
    rows = enumerate(_bodies(table))
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, limits=limits
    ) as client:
        before = await _served(client)
        start = time.monotonic()

        async def work() -> None:
            for number, body in rows:
                behind = time.monotonic() - start - due[number]
                if behind < 0:
                    await asyncio.sleep(-behind)
                replayed.late_seconds = max(replayed.late_seconds, behind)
                answers[number] = await _ask(client, body, replayed)
                progress()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(connections, len(table))):
                    group.create_task(work())
        except* BadData as errors:
            raise errors.exceptions[0] from None
        replayed.seconds = time.monotonic() - start
        after = await _served(client)
    models = [answer.pop("model") for answer in answers]
    if "" in models and before != after:
        raise BadData(
            f"the service's model changed from {before} to {after} during the replay, and its answers do not "
            f"say which one gave them (no header {VERSION_HEADER}): replay again"
        )
    replayed.table = table.join(pd.DataFrame(answers)).assign(new_model=[name or before for name in models])
    return replayed


def _bodies(table: pd.DataFrame) -> Iterator[dict[str, float | None]]:
    for row in table[list(FEATURES)].itertuples(index=False):
        yield {
            name: None if np.isnan(value) else float(value) for name, value in zip(FEATURES, row, strict=True)
        }


async def _ask(
    client: httpx.AsyncClient, body: dict[str, float | None], replayed: Replayed
) -> dict[str, Any]:
    answer = await _post(client, body, replayed)
    model = answer.headers.get(VERSION_HEADER, "")
    if answer.status_code == httpx.codes.OK:
        forecast = answer.json()
        probability = forecast["probability"]
        return {
            "model": model,
            "new_rain": forecast["prediction"] == POSITIVE,
            "new_probability": np.nan if probability is None else float(probability),
            "refused": "",
        }
    refused = f"{answer.status_code}: {_sentence(answer)}"
    return {"model": model, "new_rain": False, "new_probability": np.nan, "refused": refused}


async def _post(
    client: httpx.AsyncClient, body: dict[str, float | None], replayed: Replayed
) -> httpx.Response:
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            replayed.retries += 1
        wait = 1.0
        try:
            answer = await client.post("/predict", json=body)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
        else:
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise Unreachable(f"{client.base_url}: {_sentence(answer)}: give --key-file FILE")
            if answer.status_code not in TRANSIENT:
                return answer
            reason = f"{answer.status_code}: {_sentence(answer)}"
            wait = float(answer.headers.get("Retry-After", 1))
        await asyncio.sleep(wait + random.random())  # noqa: S311
    raise Unreachable(f"{client.base_url} gave a row no answer in {ATTEMPTS} attempts: {reason}")


async def _served(client: httpx.AsyncClient) -> str:
    """The tag of the model that the service has now."""
    try:
        answer = await client.get("/model", headers={"Accept": "application/json"})
        answer.raise_for_status()
        return str(answer.json()["tags"]["classifier"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        reason = str(error) or type(error).__name__
        raise Unreachable(f"{client.base_url} can't be asked for its {CLASSIFIER}: {reason}") from error


def _sentence(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
