"""Installs lock files into the environment of the running Python, and shows the progress.

The Makefile runs ``python requirements/install.py LOCK… [--no-deps LOCK…]``. It needs no package but pip. On
a terminal one line changes; elsewhere, as in a CI log, there is a new line every ``LINE_SECONDS``.
"""

from __future__ import annotations

import argparse
import queue
import re
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

from pip._vendor.packaging.markers import Marker

PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[.*?\])?==[^\s;]+(?:\s*;\s*(.*?))?\s*\\?$", re.MULTILINE)
STARTED = re.compile(r"^(?:Collecting|Processing|Requirement already satisfied:) ")
SIZE = re.compile(r"^\s+(?:Downloading|Using cached) .*\(([\d.]+) (kB|MB|GB)\)")
UNITS = {"kB": 1e-3, "MB": 1.0, "GB": 1e3}

MEGABYTES = {"import.lock": 300, "training.lock": 700, "development.lock": 1600}
"""Approximate size of an environment, as this module printed it after an installation into an empty one."""

LINE_SECONDS = 15
TICK_SECONDS = 0.5
STOP_SECONDS = 10
"""Time after a Ctrl-C for pip to remove its temporary files."""

REASON_LINES = 20
"""Lines of pip's output that are shown when it fails."""


def packages(lock: Path) -> list[str]:
    """The packages of a lock file that this platform and this Python need."""
    pins = PIN.findall(lock.read_text(encoding="utf-8"))
    return [name for name, marker in pins if not marker or Marker(marker).evaluate()]


class Progress:
    """The progress of pip, read from its output; ``total`` is the number of packages."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.started = 0
        self.megabytes = 0.0
        self.before: int | None = None

    def read(self, line: str) -> None:
        """Update the progress from a line of pip's output."""
        if STARTED.match(line):
            self.started += 1
        elif size := SIZE.match(line):
            self.megabytes += float(size[1]) * UNITS[size[2]]
        elif line.startswith("Installing collected packages:"):
            self.before = installed()

    def __str__(self) -> str:
        if self.before is not None:
            return f"unpacked {min(installed() - self.before, self.total)} of {self.total} packages"
        size = f", {self.megabytes:.0f} MB" if self.megabytes else ""
        return f"fetched {min(self.started, self.total)} of {self.total} packages{size}"


def installed() -> int:
    """The number of packages in this environment. pip writes INSTALLER once it has copied a package."""
    return sum(1 for _ in Path(sysconfig.get_path("purelib")).glob("*.dist-info/INSTALLER"))


def megabytes(folder: Path) -> float:
    """The size of the files in a folder, in MB."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


class Display:
    """Shows the progress on stderr."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self.start = self.shown = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def update(self, progress: Progress) -> None:
        """Show the progress: at once on a terminal, elsewhere every ``LINE_SECONDS``."""
        if self.terminal:
            print(f"\r\x1b[K  {self.seconds:3.0f} s: {progress}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.shown >= LINE_SECONDS:
            self.shown = time.monotonic()
            print(f"  {self.seconds:3.0f} s: {progress}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the line that changes."""
        if self.terminal:
            print(file=sys.stderr)


def install(locks: list[Path], display: Display, *options: str) -> int:
    """Run pip and return its exit code. If pip fails, its last ``REASON_LINES`` are shown."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"]
    command += ["--progress-bar", "off", *options]
    for lock in locks:
        command += ["-r", str(lock)]
    progress = Progress(sum(len(packages(lock)) for lock in locks))
    lines: list[str] = []
    unread: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        output = pip.stdout
        assert output is not None

        def read() -> None:
            for line in output:
                unread.put(line)
            unread.put(None)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            while True:
                display.update(progress)
                try:
                    line = unread.get(timeout=TICK_SECONDS)
                except queue.Empty:
                    continue
                if line is None:
                    break
                lines.append(line)
                progress.read(line)
        except KeyboardInterrupt:
            # A terminal sends Ctrl-C to pip too. Wait for its end before its output, which the thread reads,
            # is closed, and before the next installation can start.
            try:
                pip.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pip.kill()
            reader.join(STOP_SECONDS)
            raise
    display.close()
    if pip.returncode:
        print("".join(lines[-REASON_LINES:]), end="", file=sys.stderr)
    return pip.returncode


def main() -> int:
    """Install the lock files and return the exit code, which is pip's if it fails."""
    parser = argparse.ArgumentParser(prog="python requirements/install.py", description=__doc__)
    parser.add_argument("locks", nargs="+", type=Path, metavar="LOCK", help="lock file to install")
    parser.add_argument(
        "--no-deps",
        nargs="+",
        type=Path,
        default=[],
        metavar="LOCK",
        help="lock files to install without dependencies",
    )
    options = parser.parse_args()
    count = sum(len(packages(lock)) for lock in options.locks + options.no_deps)
    size = MEGABYTES.get(options.locks[0].name)
    disk = f", about {size:,} MB on disk" if size else ""
    names = " and ".join(lock.name for lock in options.locks)
    environment = Path(sys.prefix)
    print(f"installing {count} packages of {names} into {environment}{disk} …", file=sys.stderr, flush=True)
    display = Display()
    for locks, flags in ((options.locks, ()), (options.no_deps, ("--no-deps",))):
        if locks and (code := install(locks, display, *flags)):
            print(f"pip failed with exit code {code}; its last lines are above", file=sys.stderr)
            return code
    print(
        f"{count} packages installed in {display.seconds:.0f} s; {environment} takes "
        f"{megabytes(environment):,.0f} MB",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
