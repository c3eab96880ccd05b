"""State that the endpoints share, and the check of API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from stations.forwarding.forwarder import Forwarder
from stations.http.draining import Draining
from stations.http.keys import Keys, allowed
from stations.http.problems import Problem
from stations.ingestion import Ingestion
from stations.settings import Settings
from stations.store.access import Database
from stations.verification.live import Scores


@dataclass
class State:
    """The parts of a running service."""

    settings: Settings
    database: Database
    forwarder: Forwarder
    ingestion: Ingestion
    keys: Keys | None
    scores: Scores
    draining: Draining
    failed: str = ""
    """Which background task failed; empty if none did."""


def state_of(request: Request) -> State:
    """The state of the service that received the request."""
    return cast(State, request.app.state.stations)


def patterns(request: Request, secret: str | None = None) -> list[str]:
    """The station patterns of the request's API key; ``["*"]`` if the service has no API keys.

    ``secret`` is the key of protocols that do not send it in a header.

    Raises:
        Problem: 401, the key is missing or unknown.
    """
    keys = state_of(request).keys
    if keys is None:
        return ["*"]
    known = keys.known(presented(request) if secret is None else secret.encode())
    if not known:
        raise Problem(401)
    return known


def presented(request: Request) -> bytes:
    """The API key in the headers; empty if there is none."""
    key = request.headers.get("x-api-key", "")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not key and scheme.lower() == "bearer":
        key = token
    return key.strip().encode("latin-1")


def permit(known: list[str], station: str) -> None:
    """Check that a key with the patterns ``known`` may report for the station.

    Raises:
        Problem: 403, it may not.
    """
    if not allowed(known, station):
        raise Problem(403, f"this key is not for the station {station}")
