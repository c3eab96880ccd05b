"""What the paths share."""

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
    """One running service."""

    settings: Settings
    database: Database
    forwarder: Forwarder
    ingestion: Ingestion
    keys: Keys | None
    scores: Scores
    draining: Draining
    failed: str = ""
    """Why a background task ended, if one did."""


def state_of(request: Request) -> State:
    """The state of the service that answers."""
    return cast(State, request.app.state.stations)


def patterns(request: Request, secret: str | None = None) -> list[str]:
    """The stations that the request's key is for; ``*`` for everybody where there are no keys.

    ``secret`` is the key where a protocol has a place of its own for it.

    Raises:
        Problem: 401.
    """
    keys = state_of(request).keys
    if keys is None:
        return ["*"]
    known = keys.known(presented(request) if secret is None else secret.encode())
    if not known:
        raise Problem(401)
    return known


def presented(request: Request) -> bytes:
    """The key in the headers; empty when there is none."""
    key = request.headers.get("x-api-key", "")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not key and scheme.lower() == "bearer":
        key = token
    return key.strip().encode("latin-1")


def permit(known: list[str], station: str) -> None:
    """Nothing, or a 403.

    Raises:
        Problem: the key is not for this station.
    """
    if not allowed(known, station):
        raise Problem(403, f"this key is not for the station {station}")
