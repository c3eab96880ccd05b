"""A client of the forecast service, which reads the contract from its OpenAPI document and ``/model``."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from stations.contract import FEATURES, LIMITS, MAX_HORIZON_HOURS

CONTRACT = "WeatherVariables"
"""The name of the observation's schema in the forecast service's OpenAPI document."""


class Unavailable(Exception):
    """No forecasts at present; the message says why. ``retry_after`` is the service's Retry-After or 0."""

    def __init__(self, reason: str, retry_after: float = 0) -> None:
        self.retry_after = retry_after
        super().__init__(reason)


class RowsRefused(Exception):
    """The service refuses some of the rows; ``reasons`` maps their indices to a sentence."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = reasons
        super().__init__("; ".join(reasons.values()))


@dataclass(frozen=True)
class Model:
    """The served model: the classifier's tag, its horizon if known, its threshold, its optional fields."""

    version: str
    horizon_hours: int | None
    threshold: float | None
    optional: frozenset[str]


@dataclass(frozen=True)
class Answer:
    """One forecast."""

    rain: bool
    probability: float | None


@dataclass(frozen=True)
class Answers:
    """Forecasts in the order of the rows, with the model's version and the id of the request."""

    forecasts: list[Answer]
    version: str | None
    request_id: str


class ForecastService:
    """Requests forecasts; every failure is raised as ``Unavailable`` or ``RowsRefused``."""

    def __init__(self, url: str, key: str = "", timeout: float = 12) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # trust_env=False: the service is on the same network, so the environment's proxy is not used.
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, trust_env=False)
        self.known: Model | None = None
        self.tag = ""

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def model(self) -> Model:
        """The served model, requested at each call; the service answers 304 while it is unchanged.

        Raises:
            Unavailable: the service did not answer, or the answer is not valid.
        """
        response = await self._ask("GET", "/model", headers={"If-None-Match": self.tag} if self.tag else {})
        if response.status_code == 304 and self.known is not None:
            return self.known
        if response.status_code != 200:
            raise Unavailable(_status(response, "GET /model"))
        facts = _json(response)
        contract = _json(await self._ask("GET", "/openapi.json"))
        try:
            self.known = Model(
                version=str(facts["tags"]["classifier"]),
                horizon_hours=facts["horizon_hours"],
                threshold=facts["threshold"],
                optional=optional_fields(contract),
            )
        except (KeyError, TypeError) as error:
            raise Unavailable(f"/model or /openapi.json of the forecast service lacks {error}") from error
        if (self.known.horizon_hours or 0) > MAX_HORIZON_HOURS:
            raise Unavailable(f"the model's horizon is longer than {MAX_HORIZON_HOURS} h")
        self.tag = response.headers.get("etag", "")
        return self.known

    async def forecast(self, rows: Sequence[Mapping[str, float | None]]) -> Answers:
        """Forecasts for 1 to 10,000 rows; fields that are None are sent as null.

        Raises:
            RowsRefused: some rows break the service's contract.
            Unavailable: any other failure.
        """
        name = f"stations-{secrets.token_hex(8)}"
        response = await self._ask(
            "POST", "/predict_batch", json={"observations": rows}, headers={"X-Request-ID": name}
        )
        if response.status_code == 400:
            raise RowsRefused(_refused_rows(response, len(rows)))
        if response.status_code != 200:
            raise Unavailable(_status(response, "POST /predict_batch"), _retry_after(response))
        try:
            answers = [
                Answer(f["prediction"] == "Rain", f["probability"]) for f in _json(response)["forecasts"]
            ]
        except (KeyError, TypeError) as error:
            raise Unavailable(f"the answer of /predict_batch lacks {error}") from error
        if len(answers) != len(rows):
            raise Unavailable(f"/predict_batch answered {len(answers)} forecasts for {len(rows)} rows")
        return Answers(
            answers, response.headers.get("x-model-version"), response.headers.get("x-request-id", name)
        )

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return await self.http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise Unavailable(f"the forecast service does not answer: {type(error).__name__}") from error


def optional_fields(document: Mapping[str, Any]) -> frozenset[str]:
    """The fields that may be null.

    Raises:
        Unavailable: the document has other fields or tighter limits than ``stations.contract``.
        KeyError: it has no such schema.
    """
    schema = document["components"]["schemas"][CONTRACT]
    properties = schema["properties"]
    if set(properties) != set(FEATURES):
        raise Unavailable("the forecast service's fields are not those that this version of stations knows")
    for name, (low, high) in LIMITS.items():
        numbers = next(
            p for p in properties[name].get("anyOf", [properties[name]]) if p.get("type") == "number"
        )
        if numbers["minimum"] > low or numbers["maximum"] < high:
            raise Unavailable(
                f"the forecast service accepts less of {name} than this version of stations knows"
            )
    return frozenset(FEATURES) - set(schema["required"])


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise Unavailable("the forecast service answered something that is not JSON") from error


def _status(response: httpx.Response, what: str) -> str:
    try:
        sentence = f": {response.json()['error']}"
    except (ValueError, KeyError, TypeError):
        sentence = ""
    return f"{what} of the forecast service answered {response.status_code}{sentence}"


def _retry_after(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), 60.0) if text.isascii() and text.isdigit() else 0.0


def _refused_rows(response: httpx.Response, count: int) -> dict[int, str]:
    """The rows that a 400 names.

    Raises:
        Unavailable: it names none, so the request as a whole is invalid.
    """
    reasons: dict[int, str] = {}
    for fault in _json(response).get("detail", ()):
        match fault.get("loc"):
            case ["observations", int(row), *_] if 0 <= row < count:
                reasons.setdefault(row, f"the forecast service refuses it: {fault.get('msg')}")
    if not reasons:
        raise Unavailable(_status(response, "POST /predict_batch"))
    return reasons
