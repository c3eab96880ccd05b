"""Optional API keys, each with the stations that it may report for.

``python -m stations.http.keys NAME [STATIONS]`` creates a key and prints its line for the file.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from time import monotonic

log = logging.getLogger("stations.keys")

LINE = re.compile(r"([\w.-]+):([0-9a-f]{64})(?::([\w.*?\[\]-]+))?", re.ASCII)
LOOK_SECONDS = 1.0


class BadKeys(ValueError):
    """The key file is invalid; the message says why."""


@dataclass(frozen=True)
class Key:
    """The SHA-256 of a key, and the stations that it may report for, as a pattern with * and ?."""

    digest: str
    stations: str


class Keys:
    """The keys of a file with one line ``NAME:SHA-256[:STATIONS]`` per key; ``#`` lines are skipped.

    A key without a pattern is valid for the station of the same name. The file is checked for changes at
    most once a second, so keys can be added and removed while the service runs. The keys are random numbers
    of 256 bits, so they can't be found from their plain hashes.

    Raises:
        BadKeys: the file can't be read, has no key, or has an invalid line.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stamp = self._stamp()
        self.keys = read(file)
        self.looked = monotonic()

    def known(self, presented: bytes) -> list[str]:
        """The station patterns of a key; empty for an unknown key, which takes the same time."""
        if monotonic() - self.looked >= LOOK_SECONDS:
            self._refresh()
        digest = hashlib.sha256(presented).hexdigest()
        return [key.stations for key in self.keys if hmac.compare_digest(digest, key.digest)]

    def _refresh(self) -> None:
        self.looked = monotonic()
        stamp = self._stamp()
        if stamp == self.stamp:
            return
        self.stamp = stamp
        try:
            self.keys = read(self.file)
        except BadKeys as reason:
            log.error("API keys stay as they were: %s", reason)
        else:
            log.info("API keys read again: %d", len(self.keys))

    def _stamp(self) -> tuple[int, int, int]:
        """Modification time, size and inode of the file; zeros if it is missing."""
        try:
            status = self.file.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)


def allowed(patterns: Iterable[str], station: str) -> bool:
    """Whether a key with these patterns may report for the station."""
    return any(fnmatchcase(station, pattern) for pattern in patterns)


def read(file: Path) -> list[Key]:
    """The keys of a file.

    Raises:
        BadKeys: see ``Keys``.
    """
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadKeys(f"{file} can't be read: {error}") from None
    keys = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise BadKeys(
                f"{file}, line {number}: expected NAME:SHA-256[:STATIONS] with 64 lower-case hex digits"
            )
        name, digest, stations = match.groups()
        keys.append(Key(digest, stations or name))
    if not keys:
        raise BadKeys(f"{file} has no key; make one by: python -m stations.http.keys NAME")
    return keys


def main(arguments: list[str]) -> int:
    """Print a new key and its line; the exit code is 2 if the name is missing or invalid."""
    key = secrets.token_urlsafe(32)
    name, pattern = arguments[0] if arguments else "", "".join(f":{more}" for more in arguments[1:])
    line = f"{name}:{hashlib.sha256(key.encode()).hexdigest()}{pattern}"
    if not LINE.fullmatch(line):
        print("usage: python -m stations.http.keys NAME [STATIONS]   (STATIONS: K*, home-?)", file=sys.stderr)
        return 2
    print(f"for the station, shown once:  {key}\nfor the file of keys:         {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
