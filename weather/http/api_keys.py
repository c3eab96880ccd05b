"""API keys for the POST paths, optional.

``python -m weather.http.api_keys NAME`` (``make key NAME=…``) creates a key and prints the line for the file.
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

from weather.http.limits import endpoint_of
from weather.http.problems import Problem
from weather.telemetry.metrics import count_refusal

log = logging.getLogger("bentoml.weather")

LINE = re.compile(r"[\w.-]+:[0-9a-f]{64}")
CHECK_SECONDS = 1.0
"""Minimum time between two checks whether the file has changed."""


class BadKeys(ValueError):
    """The file of API keys can't be used; the message says why."""


class Keys:
    """The keys of a file with one line ``NAME:SHA-256`` per key; empty lines and ``#`` lines are skipped.

    The file is read again when it has changed, checked at most once a second. Keys are 256 random
    bits, so a plain hash can't be reversed by search, and reading the file gives away no key.

    Raises:
        BadKeys: the file can't be read, has no key, or has a line of another form.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.state = self.file_state()
        self.digests = read(file)
        self.checked = monotonic()

    def accept(self, key: bytes) -> bool:
        """Whether the file has the key; takes the same time for a wrong key as for a right one."""
        if monotonic() - self.checked >= CHECK_SECONDS:
            self.refresh()
        digest = hashlib.sha256(key).hexdigest()
        return sum(hmac.compare_digest(digest, known) for known in self.digests) > 0

    def refresh(self) -> None:
        """Read the file again if it has changed; if it is unusable the keys stay as they were."""
        self.checked = monotonic()
        state = self.file_state()
        if state == self.state:
            return
        self.state = state
        try:
            self.digests = read(self.file)
        except BadKeys as reason:
            log.error("API keys not updated: %s", reason)
        else:
            log.info("API keys updated: %d", len(self.digests))

    def file_state(self) -> tuple[int, int, int]:
        """Modification time, size and inode; zeros while the file is missing."""
        try:
            status = self.file.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)


class ApiKeys:
    """ASGI middleware: POST paths require ``Authorization: Bearer KEY`` or ``X-API-Key: KEY`` (else 401).

    Probes, ``/metrics``, pages and the OpenAPI document need no key: they contain nothing about callers.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if endpoint_of(scope.get("path", "")) is None or self.keys.accept(key_of(scope["headers"])):
            await self.app(scope, receive, send)
        else:
            challenge = {"WWW-Authenticate": 'Bearer realm="rain forecast"'}
            count_refusal("key")
            await Problem(401).response(challenge)(scope, receive, send)


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key in the headers of a request; empty if there is none."""
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
    return b""


def read(file: Path) -> list[str]:
    """The SHA-256 of each key in a file.

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
        raise BadKeys(f"{file} contains no key; create one: make key NAME=…")
    return digests


def main(arguments: list[str]) -> int:
    """Print a new key and its line; the exit code is 2 if the name is missing or has other characters."""
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
