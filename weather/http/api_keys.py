"""API keys for the POST paths, if the operator wants them.

``python -m weather.http.api_keys NAME`` (``make key NAME=…``) makes a key and prints the line for the file.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from weather.http.limits import ENDPOINTS
from weather.http.problems import Problem
from weather.telemetry.metrics import refused

log = logging.getLogger("bentoml.weather")

LINE = re.compile(r"[\w.-]+:[0-9a-f]{64}")
LOOK_SECONDS = 1.0


class BadKeys(ValueError):
    """The file of keys can't be used; the message says why."""


class Keys:
    """The keys of a file with a line ``NAME:SHA-256`` a key; empty lines and ``#`` lines are skipped.

    The file is looked at again at most once a second: edit it, and keys come and go. The keys are
    random, 256 bits, so a plain hash can't be searched, and the file tells nobody a key.

    Raises:
        BadKeys: the file can't be read, has no key, or a line has another form.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stamp = self.look()
        self.digests = read(file)
        self.looked = monotonic()

    def know(self, key: bytes) -> bool:
        """Whether the key is in the file; takes as long for a wrong key as for a right one."""
        if monotonic() - self.looked >= LOOK_SECONDS:
            self.refresh()
        digest = hashlib.sha256(key).hexdigest()
        return sum(hmac.compare_digest(digest, known) for known in self.digests) > 0

    def refresh(self) -> None:
        """Read the file again if it has changed; with a bad file the keys stay as they were."""
        self.looked = monotonic()
        stamp = self.look()
        if stamp == self.stamp:
            return
        self.stamp = stamp
        try:
            self.digests = read(self.file)
        except BadKeys as reason:
            log.error("API keys stay as they were: %s", reason)
        else:
            log.info("API keys read again: %d", len(self.digests))

    def look(self) -> tuple[int, int, int]:
        """What changes when the file does; zeros while it is missing."""
        try:
            status = self.file.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)


class ApiKeys:
    """ASGI middleware: the POST paths want a key, as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``.

    Probes, ``/metrics``, pages and the OpenAPI document stay open: they tell nothing of a caller.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") not in ENDPOINTS or self.keys.know(presented(scope["headers"])):
            await self.app(scope, receive, send)
        else:
            challenge = {"WWW-Authenticate": 'Bearer realm="rain forecast"'}
            refused("key")
            await Problem(401).response(challenge)(scope, receive, send)


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key in a request's headers; empty when there is none."""
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
    return b""


def read(file: Path) -> list[str]:
    """The SHA-256 of each key.

    Raises:
        BadKeys: see ``Keys``.
    """
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadKeys(f"{file} can't be read: {error}") from None
    digests = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not LINE.fullmatch(line.strip()):
            raise BadKeys(f"{file}, line {number}: expected NAME:SHA-256 with 64 lower-case hex digits")
        digests.append(line.strip().rpartition(":")[2])
    if not digests:
        raise BadKeys(f"{file} has no key; make one by: make key NAME=…")
    return digests


def main(arguments: list[str]) -> int:
    """Print a new key and its line; 2 when the name is missing or odd."""
    name = arguments[0] if len(arguments) == 1 else ""
    key = secrets.token_urlsafe(32)
    line = f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not LINE.fullmatch(line):
        print("usage: python -m weather.http.api_keys NAME   (letters, digits, . _ -)", file=sys.stderr)
        return 2
    print(f"for the client, shown once:  {key}\nfor the file of keys:        {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
