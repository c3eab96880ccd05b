"""An open-loop load: requests are sent when they are due, whether or not earlier ones were answered.

Latencies count from the moment a request was due, so a server that stalls can't hide it (no
coordinated omission). Locust's users wait for their answers; they can't overload a server this way,
and cost more CPU a request than the service does. Hence these 200 lines, on bare asyncio.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np

from weather.contract.variables import Forecast, WeatherVariables
from weather.model.classifier import Classifier

TICK_SECONDS = 0.001
RETRY_SECONDS = 0.1
LAST_ANSWER_SECONDS = 15


@dataclass(frozen=True)
class Question:
    """A request as bytes, and the forecasts that are right answers: one a model version."""

    request: bytes
    forecasts: tuple[Forecast, ...]

    def right(self, body: bytes) -> bool:
        """Whether ``body`` is one of them; probabilities agree to 2e-6, as rows of any batch do."""
        answer = Forecast.model_validate_json(body)
        return any(agree(answer, forecast) for forecast in self.forecasts)


def agree(one: Forecast, other: Forecast) -> bool:
    """Whether two forecasts are the same but for rounding."""
    if one.probability is None or other.probability is None:
        return one == other
    return one.prediction == other.prediction and abs(one.probability - other.probability) <= 2e-6


@dataclass
class Outcome:
    """What became of a load. ``answers`` has (due, seconds from due to answer, status), due from 0."""

    offered: int = 0
    wrong: int = 0
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    retried: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    seconds: float = 0.0

    def count(self, status: int) -> int:
        """Answers of a status."""
        return sum(answer[2] == status for answer in self.answers)

    def goodput(self) -> float:
        """200s a second, of those that came while the load was on."""
        return sum(s == 200 and due + took < self.seconds for due, took, s in self.answers) / self.seconds

    def percentile(self, percent: float, status: int = 200) -> float:
        """Milliseconds from due to answer, of answers of a status; NaN without any."""
        taken = [answer[1] for answer in self.answers if answer[2] == status]
        return float(np.percentile(taken, percent)) * 1000 if taken else float("nan")


class Connection(asyncio.Protocol):
    """One kept connection with at most one request on its way."""

    def __init__(self, load: Load, place: tuple[str, int]) -> None:
        self.load = load
        self.place = place
        self.asked: tuple[float, Question] | None = None
        self.received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def ask(self, due: float, question: Question) -> None:
        """Send one request."""
        assert self.transport is not None
        self.asked = (due, question)
        self.transport.write(question.request)

    def data_received(self, data: bytes) -> None:
        received = self.received = self.received + data
        end = received.find(b"\r\n\r\n")
        if end < 0 or self.asked is None:
            return
        head = received[:end].lower()
        at = head.find(b"content-length: ") + 16
        length = int(head[at : head.find(b"\r", at) if b"\r" in head[at:] else None])
        body = received[end + 4 :]
        if len(body) < length:
            return
        due, question = self.asked
        self.asked, self.received = None, b""
        status = int(received[9:12])
        self.load.answered(due, status, question, body)
        if b"connection: close" in head:
            assert self.transport is not None
            self.transport.close()
        else:
            self.load.idle[self.place].append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.open.discard(self)
        if self in self.load.idle[self.place]:
            self.load.idle[self.place].remove(self)
        if self.asked is not None:
            self.load.failed("closed without an answer" if exc is None else type(exc).__name__, *self.asked)
            self.asked = None


class Load:
    """Offers ``rate`` requests a second for ``seconds``, with random gaps (a Poisson process).

    A request whose connection broke is sent again, as a balancer may: a forecast changes nothing.
    ``places`` tells where to send the next request, and may change its mind. ``kept`` connections
    are opened before the load begins, as a balancer keeps them; at most ``most`` are open, and what
    is due when all are busy waits for one while its time runs.
    """

    def __init__(
        self,
        places: Callable[[], Sequence[str]],
        questions: Sequence[Question],
        rate: float,
        seconds: float,
        kept: int = 1000,
        most: int = 1000,
    ) -> None:
        self.places = places
        self.questions = questions
        self.rate = rate
        self.seconds = seconds
        self.kept = kept
        self.most = most
        self.idle: dict[tuple[str, int], deque[Connection]] = {}
        self.open: set[Connection] = set()
        self.opening: set[asyncio.Task[None]] = set()
        self.waiting: deque[tuple[float, Question]] = deque()
        self.outcome = Outcome(seconds=seconds)
        self.pending = 0
        self.begin = 0.0

    async def run(self) -> Outcome:
        """Send all, wait for the last answers, close all."""
        chance = random.Random(1)  # the same load in each run
        for number in range(self.kept):
            url = urlsplit(self.places()[number % len(self.places())])
            await self.open_connection((str(url.hostname), int(url.port or 80)))
        begin = self.begin = monotonic()
        due = 0.0
        while due < self.seconds:
            now = monotonic() - begin
            while due <= min(now, self.seconds):
                self.waiting.append((begin + due, self.questions[self.outcome.offered % len(self.questions)]))
                self.send()
                self.outcome.offered += 1
                due += chance.expovariate(self.rate)
            await asyncio.sleep(TICK_SECONDS)
        patience = monotonic() + LAST_ANSWER_SECONDS
        while (self.pending or self.waiting) and monotonic() < patience:
            self.send()
            await asyncio.sleep(0.01)
        self.outcome.lost = self.pending + len(self.waiting)
        for task in self.opening:
            task.cancel()
        for connection in list(self.open):
            connection.asked = None
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.sleep(0.05)
        return self.outcome

    def send(self) -> None:
        """What has waited longest, on an idle connection or a new one; later if there is neither."""
        if not self.waiting:
            return
        places = self.places()
        url = urlsplit(places[self.outcome.offered % len(places)])
        place = (str(url.hostname), int(url.port or 80))
        idle = self.idle.setdefault(place, deque())
        while idle:
            connection = idle.popleft()  # the one that has rested longest, before the server closes it
            if connection.transport is not None and not connection.transport.is_closing():
                self.pending += 1
                connection.ask(*self.waiting.popleft())
                return
        if len(self.open) + len(self.opening) < self.most:
            self.pending += 1
            task = asyncio.create_task(self.connect(place, *self.waiting.popleft()))
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)

    async def connect(self, place: tuple[str, int], due: float, question: Question) -> None:
        """Open a connection for one request; it stays for others."""
        try:
            connection = await self.open_connection(place)
        except OSError as error:
            await asyncio.sleep(RETRY_SECONDS)
            self.failed(type(error).__name__, due, question)
            return
        self.idle[place].remove(connection)
        connection.ask(due, question)

    async def open_connection(self, place: tuple[str, int]) -> Connection:
        """A new connection, idle."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self, place), *place)
        self.open.add(connection)
        self.idle.setdefault(place, deque()).append(connection)
        return connection

    def answered(self, due: float, status: int, question: Question, body: bytes) -> None:
        """Note an answer."""
        self.pending -= 1
        self.outcome.answers.append((due - self.begin, monotonic() - due, status))
        if status == 200 and not question.right(body):
            self.outcome.wrong += 1
        if self.waiting:
            asyncio.get_running_loop().call_soon(self.send)

    def failed(self, why: str, due: float, question: Question) -> None:
        """Send a request again that got no answer."""
        self.pending -= 1
        self.outcome.retried[why] += 1
        self.waiting.appendleft((due, question))
        asyncio.get_running_loop().call_soon(self.send)


def question(record: dict[str, Any], *classifiers: Classifier) -> Question:
    """``POST /predict`` with a record; right is what any of the classifiers says of it alone."""
    body = json.dumps(record).encode()
    head = (
        "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    forecasts = [classifier.forecast([WeatherVariables(**record)])[0] for classifier in classifiers]
    return Question(head.encode() + body, tuple(forecasts))
