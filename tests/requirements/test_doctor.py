"""``make doctor``, run as on machines that lack things."""

from __future__ import annotations

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.serving import PROJECT, free_port

DOCTOR = PROJECT / "requirements" / "doctor.py"


def doctor(
    folder: Path,
    *arguments: str,
    tools: tuple[str, ...] = ("bash",),
    python: str = sys.executable,
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """Run it where PATH has these tools, and what lies in ``folder / "bin"``."""
    path = folder / "bin"
    path.mkdir(exist_ok=True)
    for tool in tools:
        found = shutil.which(tool)
        assert found, tool
        (path / tool).symlink_to(found)
    port = () if "--port" in arguments else ("--port", str(free_port()))
    return subprocess.run(
        [python, "-S", DOCTOR, *port, "--venv", folder / "venv", *arguments],
        env={"PATH": str(path), "HOME": str(folder), **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def program(folder: Path, name: str, code: int) -> None:
    """A program that ends at once."""
    (folder / "bin").mkdir(exist_ok=True)
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\nexit {code}\n".replace("/bin/sh", shutil.which("sh") or ""))
    file.chmod(0o755)


def lines(done: subprocess.CompletedProcess[str], subject: str) -> str:
    """What is said of a subject."""
    (found,) = re.findall(rf"^\w+ +{subject} .*\n(?: .*\n)*", done.stdout, re.MULTILINE)
    return str(found)


def test_with_the_bare_minimum_serving_works_and_the_rest_is_named_with_its_remedy(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "make serve and make test can work; for other targets" in done.stdout.splitlines()[-1]
    for subject, target, remedy in (
        ("chromium", "make picture", "install chromium"),
        ("kubectl", "make render", "https://kubernetes.io"),
        ("haproxy", "make test-replicas", "install haproxy"),
        ("wrk", "make bench", "install wrk"),
        ("container engine", "make image", "deploy/image/engine.sh make image"),
    ):
        said = lines(done, subject)
        assert said.startswith("missing")
        assert target in said
        assert remedy in said
    assert not (tmp_path / "venv").exists()


def test_debians_command_is_given_where_there_is_apt(tmp_path: Path) -> None:
    program(tmp_path, "apt-get", 0)
    assert "apt-get install haproxy" in lines(doctor(tmp_path), "haproxy")


def test_every_target_that_it_names_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = re.findall(r"make ([a-z-]+)", DOCTOR.read_text())
    assert len(targets) > 10
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_a_taken_port_is_a_fault(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = doctor(tmp_path, "--port", port)
    assert done.returncode == 1
    assert f"a program listens on 127.0.0.1:{port} already" in lines(done, "port")
    assert "make serve PORT=" in lines(done, "port")
    assert done.stdout.splitlines()[-1] == "make serve or make test can't work: see FAULT above"


def test_a_number_that_is_no_port_is_a_fault(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--port", "99999")
    assert done.returncode == 1
    assert "99999: " in lines(done, "port")
    assert "make serve PORT=…, from 1024 to 65535" in lines(done, "port")
    assert "stop it" not in lines(done, "port")


def test_a_folder_that_cant_be_written_to_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = doctor(tmp_path, BENTOML_HOME=str(tmp_path / "file" / "bentoml"))
    assert done.returncode == 1
    assert "BENTOML_HOME=FOLDER" in lines(done, "model store")


def test_without_bash_no_recipe_runs(tmp_path: Path) -> None:
    done = doctor(tmp_path, tools=())
    assert done.returncode == 1
    assert lines(done, "bash").startswith("FAULT")


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ({"docker": 1}, "docker: `info` fails"),
        ({"docker": 1, "podman": 0}, "podman works"),
        ({"buildah": 0}, "buildah works"),
    ],
)
def test_an_engine_counts_when_it_works(codes: dict[str, int], state: str, tmp_path: Path) -> None:
    for name, code in codes.items():
        program(tmp_path, name, code)
    assert state in lines(doctor(tmp_path), "container engine")


def test_a_python_without_ensurepip_is_a_fault_unless_the_environment_is_there(tmp_path: Path) -> None:
    python = tmp_path / "python"
    program_text = "import runpy, sys; sys.modules['ensurepip'] = None; sys.argv = sys.argv[1:]; "
    program_text += "runpy.run_path(sys.argv[0], run_name='__main__')"
    python.write_text(f'#!/bin/bash\nexec {sys.executable} -S -c "{program_text}" "${{@:2}}"\n')
    python.chmod(0o755)
    done = doctor(tmp_path, python=str(python))
    assert done.returncode == 1, done.stderr
    assert "Python lacks ensurepip" in lines(done, "environment")
    assert f"python3.{sys.version_info[1]}-venv" in lines(done, "environment")

    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").write_text("")
    (tmp_path / "venv" / "import").write_text("")
    done = doctor(tmp_path, tools=(), python=str(python))
    assert done.returncode == 0
    assert lines(done, "environment").split()[-1] == "import"


def test_too_little_room_is_a_fault(tmp_path: Path) -> None:
    text = DOCTOR.read_text()
    assert '"development": 2.5' in text
    small = tmp_path / "doctor.py"
    small.write_text(text.replace('"development": 2.5', '"development": 1e9'))
    done = subprocess.run(
        [sys.executable, small, "--port", str(free_port()), "--venv", tmp_path / "venv"],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(r"^FAULT +disk +[\d.]+ GB free at .*, make test needs", done.stdout, re.MULTILINE)


def test_it_is_written_in_the_language_of_python_3_8() -> None:
    ast.parse(DOCTOR.read_text(), feature_version=(3, 8))


OLD = [
    path
    for name in ("python3.8", "python3.9", "python3.10")
    for path in [shutil.which(name), *map(str, Path.home().glob(f".pyenv/versions/{name[6:]}.*/bin/{name}"))]
    if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
]


@pytest.mark.skipif(not OLD, reason="there is no Python older than 3.11")
def test_an_old_python_says_that_it_is_and_which_to_take(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.11").symlink_to(sys.executable)
    done = doctor(tmp_path, python=OLD[0])
    assert done.returncode == 1
    assert done.stderr == ""
    assert "is too old, 3.11 or later is needed" in lines(done, "python")
    assert "PYTHON=python3.11" in lines(done, "python")
