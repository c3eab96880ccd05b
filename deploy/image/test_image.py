"""``make test-image``: the image is built and run, confined, beside the service as it runs unpackaged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.image.container import Container, output, started
from deploy.image.engines import PROJECT
from deploy.image.starts import seconds, table
from loadtest.serving import served
from loadtest.stations import observation
from tests.fixtures import pair
from tests.waiting import until
from weather.contract.variables import EXAMPLE
from weather.contract.version import VERSION

IMAGE = "rain-forecast:test"
MAX_BYTES = 450e6

LAME_DUCK_SECONDS = 5
"""As in bentofile.yaml."""

UNWANTED = {"scikit-learn", "pandas", "scipy", "onnx", "matplotlib", "pip", "setuptools", "pytest", "locust"}

TOOLS = ("gcc", "cc", "g++", "clang", "make", "ld", "cargo", "git", "curl", "wget")

PACKAGES = (
    "from importlib.metadata import distributions as d; print(*(p.name + '==' + p.version for p in d()))"
)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with the pair for tests."""
    home = tmp_path_factory.mktemp("bentoml")
    scaler, model = map(str, pair.write(tmp_path_factory.mktemp("pair")))
    program = (sys.executable, str(PROJECT / "train_import.py"), "import")
    output("env", f"BENTOML_HOME={home}", *program, "--scaler", scaler, "--model", model)
    return home


@pytest.fixture(scope="session")
def image(engine: str, home: Path, report: list[str]) -> str:
    """The image, built as ``make image`` builds it."""
    previous = output(engine, "images", "--quiet", "--no-trunc", IMAGE)
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "deploy.image.build", IMAGE],
        cwd=PROJECT,
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report.append(f"built in {time.monotonic() - start:.0f} s with {engine}")
    report.extend(line for line in done.stdout.splitlines() if line.startswith("|"))
    if previous:
        output(engine, "rmi", "--force", previous)
    return IMAGE


@pytest.fixture(scope="session")
def configuration(engine: str, image: str) -> dict[str, Any]:
    """What the image says of itself."""
    return dict(json.loads(output(engine, "image", "inspect", image))[0])


@pytest.fixture(scope="session")
def container(engine: str, image: str, report: list[str]) -> Iterator[Container]:
    """A container for all that leaves it as it was."""
    with started(engine, image) as container:
        report.append(f"ready after {container.wait_until_ready():.1f} s")
        httpx.post(f"{container.url}/predict", json=EXAMPLE)
        report.append(f"{container.megabytes():.0f} MB of memory")
        yield container


@pytest.fixture(scope="session", autouse=True)
def killed(engine: str, image: str, report: list[str]) -> Iterator[tuple[Container, Future[float]]]:
    """A container whose process is killed, and the seconds until it is back; other tests run meanwhile."""
    with ThreadPoolExecutor(1) as pool, started(engine, image, "--restart=on-failure:3") as container:
        report.append(f"ready after {container.wait_until_ready():.1f} s")
        yield container, pool.submit(kill, container)


def kill(container: Container) -> float:
    """Kill its process 1 from the host's namespace.

    From inside process 1 can't be killed, and after `docker kill` docker does not restart a container.
    """
    pid = container.state(".State.Pid")
    outside = ("--rm", "--pid=host", "--network=none", "--entrypoint=python", IMAGE)
    output(container.engine, "run", *outside, "-c", f"import os; os.kill({pid}, 9)")
    until(lambda: container.state(".State.Pid") not in ("0", pid))
    return container.wait_until_ready()


def test_it_is_small(configuration: dict[str, Any], report: list[str]) -> None:
    base = "a stand-in" if "rain-forecast.base" in configuration["Config"]["Labels"] else "the official image"
    report.append(f"{configuration['Size'] / 1e6:.0f} MB, says the engine; its base is {base}")
    assert configuration["Size"] <= MAX_BYTES


def test_it_answers_as_the_unpackaged_service_does(container: Container, home: Path) -> None:
    bulk = {"observations": [observation() for _ in range(1000)]}
    answers = []
    with served(home) as unpackaged:
        for url in (container.url, unpackaged):
            one = httpx.post(f"{url}/predict", json=EXAMPLE)
            many = httpx.post(f"{url}/predict_batch", json=bulk)
            assert (one.status_code, many.status_code) == (200, 200)
            answers.append([one.json(), *many.json()["forecasts"]])
    ours, theirs = answers
    assert [a["prediction"] for a in ours] == [a["prediction"] for a in theirs]
    assert [a["probability"] for a in ours] == pytest.approx([a["probability"] for a in theirs], abs=2e-6)
    assert len(ours) == 1001
    assert ours[0] == {
        "prediction": "Rain",
        "probability": pytest.approx(pair.probability(EXAMPLE), abs=1e-4),
    }


def test_the_service_is_process_1_and_has_no_children(container: Container) -> None:
    assert "weather.serving.single_process" in container.run("cat", "/proc/1/cmdline").stdout
    parents = container.run("sh", "-c", "cat /proc/[0-9]*/status").stdout
    assert not re.findall(r"^PPid:\s1$", parents, re.MULTILINE)


def test_it_runs_without_root_and_cannot_change_itself(container: Container) -> None:
    assert container.run("id", "-u").stdout.strip() == "1034"
    status = container.run("cat", "/proc/1/status").stdout
    assert re.search(r"^CapEff:\s0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
    # Nothing of the user's or for everybody to write, even where the file system is not read-only.
    writable = container.run(
        "find", "/app", "(", "-user", "1034", "-o", "-perm", "-o=w", ")", "-not", "-type", "l"
    )
    assert (writable.returncode, writable.stdout) == (0, "")
    assert container.run("touch", "/home/file").returncode != 0


def test_it_holds_the_locked_packages_and_no_tools(container: Container) -> None:
    installed = set(container.run("python", "-c", PACKAGES).stdout.lower().replace("_", "-").split())
    lock = (PROJECT / "requirements" / "serving.lock").read_text()
    assert installed <= set(re.findall(r"^[a-z0-9.-]+==[^ ;]+", lock, re.MULTILINE))
    names = {package.partition("==")[0] for package in installed}
    assert {"bentoml", "onnxruntime", "uvloop"} <= names
    assert not names & UNWANTED
    found = container.run("sh", "-c", f"for tool in {' '.join(TOOLS)}; do command -v $tool; done")
    assert found.stdout == ""


def test_it_says_what_it_is(configuration: dict[str, Any], home: Path) -> None:
    config = configuration["Config"]
    assert config["User"] == "1034:1034"
    assert list(config["ExposedPorts"]) == ["3000/tcp"]
    environment = {
        "BENTOML_HOST": "0.0.0.0",
        "BENTOML_PORT": "3000",
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
        "WEATHER_LAME_DUCK_SECONDS": str(LAME_DUCK_SECONDS),
    }
    assert {f"{name}={value}" for name, value in environment.items()} <= set(config["Env"])
    labels = {
        "org.opencontainers.image.title": "rain-forecast",
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.licenses": "Apache-2.0",
        **{
            f"rain-forecast.{model}": f"{model}:{(home / 'models' / model / 'latest').read_text()}"
            for model in ("weather-scaler", "weather-classifier")
        },
    }
    assert labels.items() <= config["Labels"].items()
    assert config["Labels"]["org.opencontainers.image.revision"]


def test_documentation_lists_its_environment(configuration: dict[str, Any]) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (PROJECT / "docs" / "deployment.md").read_text(), re.MULTILINE)
    names = {line.partition("=")[0] for line in configuration["Config"]["Env"]}
    # Of the official base image: where its Python comes from.
    assert {name for name in names if name != "GPG_KEY" and not name.startswith("PYTHON_")} <= set(listed)


def test_no_package_index_of_the_builder_is_left_in_it(engine: str, image: str, container: Container) -> None:
    assert "://" not in output(engine, "history", "--no-trunc", image)
    assert container.run("ls", "-A", "/run/secrets").stdout == ""


def test_its_health_check_finds_it_healthy(container: Container) -> None:
    if container.engine == "podman":  # which leaves the timing to systemd, and that may not be there
        output("podman", "healthcheck", "run", container.name)
    until(lambda: container.state(".State.Health.Status") == "healthy")


def test_starts_of_images_are_compared(engine: str, image: str) -> None:
    assert seconds(engine, image) > 0
    assert table({"a:1": [2.0, 4.0, 3.0], "b:1": [1.0, 1.0, 3.0]}).splitlines()[2:] == [
        "| a:1 | 3.00 (2.00 … 4.00) | 1.00 (1.00 … 1.00) |",
        "| b:1 | 1.00 (1.00 … 3.00) | 0.50 (0.25 … 1.00) |",
    ]


def test_after_sigterm_it_serves_on_unready(engine: str, image: str) -> None:
    with started(engine, image, "--env=WEATHER_LAME_DUCK_SECONDS=600") as container:
        container.wait_until_ready()
        container.signal("TERM")
        until(lambda: container.readiness() == 503)
        assert httpx.post(f"{container.url}/predict", json=EXAMPLE).status_code == 200


def test_after_sigterm_it_takes_its_time_and_ends_with_0(engine: str, image: str, report: list[str]) -> None:
    with started(engine, image) as container:
        report.append(f"ready after {container.wait_until_ready():.1f} s")
        start = time.monotonic()
        container.signal("TERM")
        assert container.ended() == 0
        took = time.monotonic() - start
        report.append(f"ended {took:.1f} s after SIGTERM, with a lame-duck period of {LAME_DUCK_SECONDS} s")
        assert took >= LAME_DUCK_SECONDS


def test_with_its_process_killed_it_ends_and_is_started_again(
    killed: tuple[Container, Future[float]], report: list[str]
) -> None:
    """The policy is on-failure: after an exit code of 0 nothing would follow."""
    container, back = killed
    report.append(f"ready again {back.result():.1f} s after SIGKILL")
    assert container.state(".RestartCount") == "1"
    assert httpx.post(f"{container.url}/predict", json=EXAMPLE).status_code == 200
