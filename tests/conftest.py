"""Shared parts: model stores, the real service on them, the command line.

Most tests rest on the pair of artifacts that tests/fixtures/pair.py makes. Those that rest on
``artifacts/`` itself use a fixture that begins with ``committed_`` or lie in tests/committed_model/; they
carry the marker ``committed_model``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import hypothesis
import pytest
from filelock import FileLock

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

from loadtest.serving import PROJECT, served
from tests import old_system
from tests.fixtures import pair
from tests.processes import SESSION, kill_all, started
from tests.processes import running as started_processes
from tests.waiting import PATIENCE, until
from weather.contract.manifest import Manifest
from weather.contract.variables import EXAMPLE as EXAMPLE
from weather.contract.variables import FEATURES
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import Artifacts, read
from weather.model.classifier import Classifier

Import = Callable[..., Path]

# No test depends on speed: examples take longer on a busy machine, and records of many fields are large.
# Nor on chance: a commit passes or fails each time. `make fuzz` looks for new examples in the API.
hypothesis.settings.register_profile(
    "any speed",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
hypothesis.settings.load_profile("any speed")

OF_THE_COMMITTED_MODEL = (
    "This test is about the model in artifacts/ as it was committed, and the figures that the documents "
    "show of it. After `make train` it fails where the new model answers otherwise. Either leave such tests "
    "out (make test ARGS='-m \"not slow and not committed_model\"'), or renew what the documents show: the "
    "failure has the new figures."
)


def pytest_configure() -> None:
    """SIGTERM ends the tests as Ctrl-C does, with what they started: ``timeout make test`` sends it.

    What ``make test`` passes on is dropped: a make that a test runs would take itself for a part of that one.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for variable in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        os.environ.pop(variable, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that rest on artifacts/; those marked slow have a reason."""
    folder = PROJECT / "tests" / "committed_model"
    for item in items:
        names = getattr(item, "fixturenames", ())
        if item.path.is_relative_to(folder) or any(name.startswith("committed_") for name in names):
            item.add_marker("committed_model")
        if any(not mark.args for mark in item.iter_markers("slow")):
            raise pytest.UsageError(f"{item.nodeid} is marked slow: give the reason")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say with a failure that a new model explains how to renew the test."""
    report = yield
    if report.failed and item.get_closest_marker("committed_model"):
        report.sections.append(("the committed model", OF_THE_COMMITTED_MODEL))
    return report


def run_cli(
    *arguments: str | Path, home: Path | None = None, cwd: Path = PROJECT, seconds: float = 5 * PATIENCE
) -> subprocess.CompletedProcess[str]:
    """``python train_import.py ARGUMENTS`` as a user runs it; nothing of it outlives the call."""
    environment = {**os.environ, "BENTOML_HOME": str(home)} if home else dict(os.environ)
    command = (sys.executable, PROJECT / "train_import.py", *arguments)
    with started(
        *command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        output, errors = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture(scope="session", autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """In the end of all tests nothing is left of what they started; what is ending may take a moment."""
    yield
    with suppress(AssertionError):  # then kill_all says what did not end
        until(lambda: not started_processes(SESSION))
    assert kill_all() == []


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Import:
    """Makes a model store with a pair of artifacts in it, a copy for each process of pytest-xdist."""
    # Each of pytest-xdist's processes has a temporary folder of its own in a common one.
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent

    def home(name: str, scaler: Path, model: Path) -> Path:
        original = common / f"{name}-store"
        with FileLock(f"{original}.lock"):
            if not original.exists():
                unfinished = original.with_suffix(".unfinished")
                done = run_cli("import", "--scaler", scaler, "--model", model, home=unfinished)
                assert done.returncode == 0, done.stderr
                unfinished.rename(original)
        return shutil.copytree(original, tmp_path_factory.mktemp(name) / "home")

    return home


@pytest.fixture(scope="session")
def pair_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the pair for tests, with manifest and card."""
    folder = tmp_path_factory.mktemp("pair")
    pair.write(folder)
    return folder


@pytest.fixture(scope="session")
def artifacts(pair_folder: Path) -> Artifacts:
    return read(pair_folder / "model-scaler.pkl", pair_folder / "svc.onnx")


@pytest.fixture(scope="session")
def manifest(artifacts: Artifacts) -> Manifest:
    assert artifacts.manifest is not None
    return artifacts.manifest


@pytest.fixture(scope="session")
def classifier(artifacts: Artifacts) -> Classifier:
    return Classifier(compile_pair(artifacts).model)


@pytest.fixture(scope="session")
def bentoml_home(imported: Import, pair_folder: Path) -> Path:
    """A model store with the pair for tests."""
    return imported("pair", pair_folder / "model-scaler.pkl", pair_folder / "svc.onnx")


@pytest.fixture(scope="session")
def url(bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running service; whatever was asked of it, its log has no traceback in the end."""
    file = tmp_path_factory.mktemp("service") / "log"
    with file.open("wb") as log, served(bentoml_home, log=log) as address:
        yield address
    assert "Traceback" not in file.read_text()


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url) as session:
        yield session


SCALER = PROJECT / "artifacts" / "model-scaler.pkl"
MODEL = PROJECT / "artifacts" / "svc.onnx"


@pytest.fixture(scope="session")
def committed_artifacts() -> Artifacts:
    return read(SCALER, MODEL)


@pytest.fixture(scope="session")
def committed_manifest(committed_artifacts: Artifacts) -> Manifest:
    assert committed_artifacts.manifest is not None
    return committed_artifacts.manifest


@pytest.fixture(scope="session")
def committed_classifier(committed_artifacts: Artifacts) -> Classifier:
    return Classifier(compile_pair(committed_artifacts).model)


@pytest.fixture(scope="session")
def committed_home(imported: Import) -> Path:
    """A model store with what is in artifacts/."""
    return imported("committed", SCALER, MODEL)


@pytest.fixture(scope="session")
def committed_url(committed_home: Path) -> Iterator[str]:
    """The address of a service of the committed model."""
    with served(committed_home) as address:
        yield address


@pytest.fixture(scope="session")
def old_home(imported: Import, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with artifacts of the old system's shape: no manifest, no card."""
    if len(FEATURES) != len(old_system.MEAN):
        pytest.skip("the old system's artifacts are of the weather contract, and this is a fork to another")
    return imported("old", *old_system.write(tmp_path_factory.mktemp("old-artifacts")))


OLD_KEY = "the key of the old system's clients"


@pytest.fixture(scope="session")
def old_url(old_home: Path) -> Iterator[str]:
    """The address of a service on them, which wants OLD_KEY."""
    keys = old_home / "keys"
    keys.write_text(f"test:{hashlib.sha256(OLD_KEY.encode()).hexdigest()}\n")
    with served(old_home, env={"WEATHER_API_KEYS_FILE": str(keys)}) as address:
        yield address


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    file, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    return file, key
