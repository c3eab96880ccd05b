"""The folder of one running service: metrics shared by its workers, and the models they load.

BentoML keeps the metrics of all services of a ``BENTOML_HOME`` in one folder, and empties it whenever
one of them starts. Here each service has a folder of its own, in ``BENTOML_HOME/run``, locked while its
supervisor runs and removed when it ends. Folders of services that were killed go when the next one starts.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from weather.contract.names import SERVICE

log = logging.getLogger("bentoml.weather")

VARIABLE = "_WEATHER_RUN_FOLDER"
"""Environment variable by which the workers find the folder; the supervisor sets it."""


@dataclass(frozen=True)
class RunFolder:
    """The folder and its files."""

    path: Path

    @property
    def metrics(self) -> Path:
        """Folder of prometheus_client's files."""
        return self.path / "metrics"

    @property
    def supervisor(self) -> int:
        """Process id of the supervisor, which makes the folder."""
        return int((self.path / "supervisor").read_text())

    @property
    def models(self) -> dict[str, str]:
        """Tags of the models that workers load when they start, by name."""
        return dict(json.loads((self.path / "models.json").read_text()))

    def keep(self, models: Mapping[str, str]) -> None:
        """Have the workers that start from now on load these models, which have passed their check.

        Raises:
            OSError: the file can't be written.
        """
        self._write("models.json", json.dumps(models))

    def request(self, tag: str) -> None:
        """Have the running workers serve a classifier, each once it has loaded and checked it.

        Raises:
            OSError: the file can't be written.
        """
        self._write("requested", tag)

    def requested(self) -> tuple[int, str]:
        """When the last request was written, in nanoseconds, and its classifier; 0 and "" without any."""
        try:
            with (self.path / "requested").open() as file:
                return os.fstat(file.fileno()).st_mtime_ns, file.read()
        except FileNotFoundError:
            return 0, ""

    def _write(self, name: str, text: str) -> None:
        """Write a file at once, for those who read it meanwhile."""
        part = self.path / f"{name}-{os.getpid()}"
        part.write_text(text)
        part.replace(self.path / name)


def current() -> RunFolder | None:
    """The folder of the service that this process is a worker of."""
    path = os.environ.get(VARIABLE)
    return RunFolder(Path(path)) if path else None


def create(home: Path, models: Mapping[str, str]) -> RunFolder:
    """A new folder, removed when this process ends.

    It is in ``home/run``, or in the system's temporary folder where that can't be written to.

    Raises:
        OSError: there is no room for it in either.
    """
    try:
        folder = made(home / "run", models)
    except OSError as error:
        folder = made(Path(tempfile.gettempdir()), models)
        log.warning("%s can't be written to (%s); metrics are in %s", home, error.strerror, folder.path)
    os.environ[VARIABLE] = str(folder.path)
    return folder


def made(parent: Path, models: Mapping[str, str]) -> RunFolder:
    """A new, locked folder in ``parent``, from which those of dead services are removed."""
    parent.mkdir(parents=True, exist_ok=True)
    # While another service cleans up, a folder that isn't locked yet would look dead to it.
    with locked(parent):
        for other in parent.glob(f"{SERVICE}-*"):
            remove_dead(other)
        path = Path(tempfile.mkdtemp(prefix=f"{SERVICE}-", dir=parent))
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)  # until this process ends
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    folder = RunFolder(path)
    (path / "supervisor").write_text(str(os.getpid()))
    folder.keep(models)
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_dead(folder: Path) -> None:
    """Remove a folder unless its lock is held, or it is somebody else's."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def tag(name: str) -> str:
    """The tag of a model as the workers of this service load it; ``NAME:latest`` outside of a worker.

    All workers load the same, also those that start later: another pair may have become the latest
    in the meantime, and need not be served.
    """
    folder = current()
    return folder.models[name] if folder else f"{name}:latest"
