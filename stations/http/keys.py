"""API keys, if the operator wants them: who may report for which station.

``python -m stations.http.keys NAME [STATIONS]`` makes a key and prints the line for the file.
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
    """The file of keys can't be used; the message says why."""


@dataclass(frozen=True)
class Key:
    """The SHA-256 of a key, and the stations that it may report for, as a pattern with * and ?."""

    digest: str
    stations: str


class Keys:
    """The keys of a file with a line ``NAME:SHA-256[:STATIONS]`` a key; ``#`` lines are skipped.

    Without a pattern a key is for the station that has its name. The file is looked at again at most
    once a second: edit it, and keys come and go. The keys are random, 256 bits, so a plain hash can't
    be searched, and the file tells nobody a key.

    Raises:
        BadKeys: the file can't be read, has no key, or a line has another form.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stamp = self._stamp()
        self.keys = read(file)
        self.looked = monotonic()

    def known(self, presented: bytes) -> list[str]:
        """The patterns of a key; none for a wrong one, which takes as long."""
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
        """What changes when the file does; zeros while it is missing."""
        try:
            status = self.file.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)


def allowed(patterns: Iterable[str], station: str) -> bool:
    """Whether a key with these patterns is for the station."""
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
    """Print a new key and its line; 2 when the name is missing or odd."""
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
