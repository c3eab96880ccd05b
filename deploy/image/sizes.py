"""Run by the Python inside an image: a table of what the image's files weigh."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

SHOWN = 8
"""Packages with a line of their own."""


def below(top: str) -> Iterator[os.stat_result]:
    """The files below a folder, each once, on its file system only."""
    seen = set()
    device = os.lstat(top).st_dev
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if os.lstat(os.path.join(folder, name)).st_dev == device]
        for name in files:
            status = os.lstat(os.path.join(folder, name))
            if status.st_dev == device and status.st_ino not in seen:
                seen.add(status.st_ino)
                yield status


def on_disk(status: os.stat_result) -> int:
    """Bytes of whole blocks."""
    return status.st_blocks * 512


def weight(top: str) -> int:
    """Bytes on disk below a folder."""
    return sum(map(on_disk, below(top)))


def installed(package: Distribution) -> int:
    """With the bytecode that pip compiled, which is on its list too."""
    paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
    return sum(on_disk(path.stat()) for path in paths if path.exists())


def main() -> None:
    """Print the table."""
    packages = sorted(((installed(p), f"{p.name} {p.version}") for p in distributions()), reverse=True)
    others = packages[SHOWN:]
    whole, bento = weight("/"), weight("/app/bento")
    rows = [
        (whole, "**the image**"),
        (whole - bento - weight("/app/.venv"), "base image, its Python's bytecode"),
        *packages[:SHOWN],
        (sum(size for size, _ in others), f"{len(others)} more packages"),
        (bento, "the Bento with its models"),
    ]
    print("| MB on disk | of |\n|---:|---|")
    for size, what in rows:
        print(f"| {size / 1e6:.0f} | {what} |")


if __name__ == "__main__":
    main()
