"""Reads files of limited size, compressed or not."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from weather.importing.errors import BadArtifact

MAX_LZMA_MEMORY = 128 << 20
"""Memory of the LZMA decoder: the dictionary of xz's strongest preset takes 65 MiB."""


class Decompressor(Protocol):
    """The interface that zlib, bz2 and lzma share."""

    @property
    def eof(self) -> bool:
        """Whether the end of the compressed stream was reached."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most ``max_length`` bytes of the decompressed ``data``."""


COMPRESSIONS: tuple[tuple[bytes, str, Callable[[], Decompressor]], ...] = (
    (b"\x78", "zlib", zlib.decompressobj),
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(wbits=31)),
    (b"BZ", "bzip2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ", "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_LZMA_MEMORY)),
    (b"\x5d\x00", "lzma", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MAX_LZMA_MEMORY)),
)
"""First bytes, name and decompressor of the formats that ``joblib.dump(compress=...)`` and gzip write. No
pickle begins with any of these bytes.
"""

LZ4 = b"\x04\x22\x4d\x18"


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a file.

    Raises:
        BadArtifact: the file can't be read, is empty or has more than ``limit`` bytes.
    """
    try:
        with path.open("rb") as file:  # bounded here: a pipe or a device has no size to check before
            content = file.read(limit + 1)
    except OSError as error:
        raise BadArtifact(f"{path} can't be read: {error.strerror}") from error
    if len(content) > limit:
        raise BadArtifact(f"{path} is too large: at most {limit:,} bytes are read")
    if not content:
        raise BadArtifact(f"{path} is empty")
    return content


def decompressed(content: bytes, limit: int) -> bytes:
    """Decompress ``content`` if it has one of the formats in COMPRESSIONS, else return it as it is.

    Raises:
        BadArtifact: it is broken, compressed with LZ4, or has more than ``limit`` bytes once decompressed.
    """
    if content.startswith(LZ4):
        raise BadArtifact("it is compressed with LZ4, which is not supported: dump it with compress=3")
    for prefix, name, decompressor in COMPRESSIONS:
        if content.startswith(prefix):
            stream = decompressor()
            try:
                plain = stream.decompress(content, limit + 1)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise BadArtifact(f"it begins as {name} does, but can't be decompressed ({error})") from error
            if len(plain) > limit:
                raise BadArtifact(f"it has more than {limit:,} bytes once decompressed")
            if not stream.eof:
                raise BadArtifact(f"it is truncated: its {name} stream has no end")
            return plain
    return content


def sha256(content: bytes) -> str:
    """The SHA-256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()
