"""``make doctor``: what this machine lacks, for which target, and how to get it.

It runs before anything is installed, so it needs the standard library only, and no newer Python than 3.8: an
old one is one of the faults that it names. Exit code 1 when `make serve` or `make test` can't work, else 0.
"""

from __future__ import annotations

import argparse
import errno
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from glob import glob
from pathlib import Path
from typing import Iterator, NamedTuple

OLDEST = (3, 11)
NEWER = ("3.13", "3.12", "3.11")
ENGINES = ("docker", "podman", "buildah")
ENGINE_SECONDS = 30
GIGABYTES = {"import": 0.7, "development": 2.5}
"""Of disk to install a set of packages: the environment, and pip's cache and temporary files beside it."""


class Finding(NamedTuple):
    """One check: its subject, what was found, and where something is missing what for and the remedy."""

    subject: str
    state: str
    needed_for: str = ""
    remedy: str = ""
    essential: bool = False

    @property
    def missing(self) -> bool:
        """Whether there is something to do."""
        return bool(self.remedy)


class Tool(NamedTuple):
    """A program of the system: its names, Debian's and Homebrew's package, and the targets that need it."""

    names: tuple[str, ...]
    debian: str
    brew: str
    needed_for: str
    essential: bool = False


KUBECTL = "https://kubernetes.io/docs/tasks/tools/"

TOOLS = (
    Tool(("bash",), "bash", "bash", "every target", essential=True),
    Tool(("git",), "git", "git", "make hooks, the commit in make image and make figures"),
    Tool(("curl",), "curl", "curl", "the examples of the documents, and their tests in make test"),
    Tool(("chromium", "google-chrome"), "chromium", "chromium", "make picture; its tests are skipped"),
    Tool(("openssl",), "openssl", "openssl", "tests of TLS, which are skipped"),
    Tool(("kubectl",), "", "kubectl", "make render, Kubernetes; its tests are skipped"),
    Tool(("haproxy",), "haproxy", "haproxy", "make test-replicas; its tests are skipped"),
    Tool(("prometheus",), "prometheus", "prometheus", "alerts, dashboard; their tests are skipped"),
    Tool(("promtool",), "prometheus", "prometheus", "checking rules; its tests are skipped"),
    Tool(("mosquitto",), "mosquitto", "mosquitto", "MQTT in make test-stations, skipped"),
    Tool(("pg_ctl",), "postgresql", "postgresql", "PostgreSQL in make test-stations, skipped"),
    Tool(("wrk",), "wrk", "wrk", "make bench"),
    Tool(("taskset",), "util-linux", "", "make bench"),
    Tool(("valgrind",), "valgrind", "", "the part `instructions` of make bench"),
)
ELSEWHERE = {"mosquitto": ["/usr/sbin/mosquitto"], "pg_ctl": glob("/usr/lib/postgresql/*/bin/pg_ctl")}
"""Where Debian has programs that are not in PATH, and the tests find them."""


def python() -> Finding:
    """Whether this Python is new enough."""
    version = "Python {}.{}.{}".format(*sys.version_info)
    if sys.version_info >= OLDEST:
        return Finding("python", f"{version}, {sys.executable}")
    others = [name for name in (f"python{number}" for number in NEWER) if works(name)]
    remedy = f"make serve PYTHON={others[0]}" if others else "install Python 3.11 or later, then PYTHON=…"
    return Finding("python", f"{version} is too old, 3.11 or later is needed", "every target", remedy, True)


def works(command: str) -> bool:
    """Whether a Python is more than a name: pyenv has names for versions that are not selected."""
    return bool(shutil.which(command)) and not run(command, "-c", "")


def run(*command: str) -> int:
    """A command's exit code; its output is dropped. -1 when it does not end."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=ENGINE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return -1
    return done.returncode


def environment(venv: Path) -> Finding:
    """Whether an environment is there, or can be made."""
    if (venv / "bin" / "python").exists():
        sets = [name for name in ("import", "training", "development") if (venv / name).exists()]
        return Finding("environment", f"{venv} with {sets[-1] if sets else 'nothing installed yet'}")
    lacking = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if lacking and sys.version_info >= OLDEST:
        package = "python{}.{}-venv".format(*sys.version_info)
        state = f"{venv} can't be made: Python lacks {' and '.join(lacking)}"
        return Finding("environment", state, "every target", get(package, ""), True)
    return Finding("environment", f"{venv} will be made")


def disk(venv: Path) -> Iterator[Finding]:
    """Whether what is not installed yet has room."""
    folder = next(path for path in (venv.absolute(), *venv.absolute().parents) if path.exists())
    free = shutil.disk_usage(str(folder)).free / 1e9
    short = False
    for name, target in (("import", "make serve"), ("development", "make test")):
        if free < GIGABYTES[name] and not (venv / name).exists() and not short:
            short = True
            state = f"{free:.1f} GB free at {folder}, {target} needs {GIGABYTES[name]}"
            yield Finding("disk", state, target, "free some, or VENV=FOLDER on another disk", True)
    if not short:
        yield Finding("disk", f"{free:.1f} GB free")


def home() -> Finding:
    """Whether BentoML's folder can be written to."""
    folder = Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if existing.is_dir() and os.access(str(existing), os.W_OK | os.X_OK):
        return Finding("model store", f"{folder} {'exists' if existing == folder else 'will be made'}")
    state = f"{existing} can't be written to"
    return Finding("model store", state, "make serve", "BENTOML_HOME=FOLDER in the environment", True)


def port(number: int) -> Finding:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            taken = getattr(error, "errno", None) == errno.EADDRINUSE
            state = f"a program listens on 127.0.0.1:{number} already" if taken else f"{number}: {error}"
            remedy = "stop it, or make serve PORT=…" if taken else "make serve PORT=…, from 1024 to 65535"
            return Finding("port", state, "make serve", remedy, True)
    return Finding("port", f"{number} is free")


def engine() -> Finding:
    """The first container engine that works, as make image chooses it."""
    there = [name for name in ENGINES if shutil.which(name)]
    for name in there:
        if run(name, "info") == 0:
            return Finding("container engine", f"{name} works")
    state = f"{', '.join(there)}: `info` fails" if there else f"none of {', '.join(ENGINES)}"
    remedy = "start its daemon, or " if there else ""
    remedy += "as root on Debian: deploy/image/engine.sh make image; or " + get("podman", "podman")
    return Finding("container engine", state, "make image, make test-image", remedy)


def tool(wanted: Tool) -> Finding:
    """Where a program is."""
    for name in wanted.names:
        for path in (shutil.which(name), *ELSEWHERE.get(name, ())):
            if path and os.access(path, os.X_OK):
                return Finding(wanted.names[0], path)
    remedy = KUBECTL if wanted.names[0] == "kubectl" else get(wanted.debian, wanted.brew)
    return Finding(wanted.names[0], "missing", wanted.needed_for, remedy, wanted.essential)


def get(debian: str, brew: str) -> str:
    """How a package is installed here."""
    if debian and shutil.which("apt-get"):
        return f"apt-get install {debian}"
    if brew and shutil.which("brew"):
        return f"brew install {brew}"
    return f"install {debian or brew}"


def cores() -> Finding:
    """Whether server and load can have a core each."""
    count = os.cpu_count() or 1
    if count > 1:
        return Finding("cores", str(count))
    return Finding("cores", "1", "make bench, make chaos, make capacity", "a machine with two cores")


def findings(number: int, venv: Path) -> Iterator[Finding]:
    """All checks."""
    yield python()
    yield environment(venv)
    yield from disk(venv)
    yield home()
    yield port(number)
    yield cores()
    yield engine()
    for wanted in TOOLS:
        yield tool(wanted)


def main(arguments: list[str] | None = None) -> int:
    """Print what was found; 1 when something essential is missing."""
    parser = argparse.ArgumentParser(prog="make doctor", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="port of make serve (default: 3000)")
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="environment (default: .venv)")
    given = parser.parse_args(arguments)
    found = list(findings(given.port, given.venv))
    for finding in found:
        mark = "ok" if not finding.missing else "FAULT" if finding.essential else "missing"
        print(f"{mark:8} {finding.subject:17} {finding.state}")
        if finding.missing:
            print(f"{'':26} for: {finding.needed_for}")
            print(f"{'':26} get: {finding.remedy}")
    faults = [finding for finding in found if finding.missing and finding.essential]
    if faults:
        print("\nmake serve or make test can't work: see FAULT above")
    else:
        lacking = sum(finding.missing for finding in found)
        rest = f"; for other targets {lacking} things are missing" if lacking else ""
        print(f"\nmake serve and make test can work{rest}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
