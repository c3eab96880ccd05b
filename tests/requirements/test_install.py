"""The installation of lock files, of wheels that the test makes."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.processes import started
from tests.waiting import PATIENCE

INSTALL = PROJECT / "requirements" / "install.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def wheel(folder: Path, name: str) -> str:
    """A package with one module; its line for a lock file."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "ANSWER = 42\n")
        info = f"{name}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{name}==1.0 \\\n    --hash=sha256:{digest}\n"


def environment_without_pip() -> dict[str, str]:
    """The environment without what configures pip."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {**environment, "PIP_CONFIG_FILE": os.devnull}


def install(python: Path, folder: Path, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """Run it with the folder as the only source of packages."""
    environment = {**environment_without_pip(), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    return subprocess.run(
        [python, INSTALL, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def told(errors: str) -> list[str]:
    """The lines but those of progress, one every 15 s; a slow machine may need longer than that."""
    return [line for line in errors.splitlines() if not re.match(r" +\d+ s: (fetched|unpacked) ", line)]


def test_it_says_how_many_packages_where_and_what_they_took(python: Path, tmp_path: Path) -> None:
    lock, other = tmp_path / "some.lock", tmp_path / "other.lock"
    absent = "neverland==1.0 ; sys_platform == 'neverland' \\\n    --hash=sha256:" + "0" * 64 + "\n"
    lock.write_text(
        "# comment\n" + wheel(tmp_path, "first_package") + wheel(tmp_path, "second_package") + absent
    )
    other.write_text(wheel(tmp_path, "third_package"))
    done = install(python, tmp_path, lock, "--no-deps", other)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    first, last = told(done.stderr)
    folder = python.parents[1]
    assert first == f"installing 3 packages of some.lock into {folder} …"
    assert re.fullmatch(rf"3 packages installed in \d+ s; {re.escape(str(folder))} takes [\d,]+ MB", last)
    for name in ("first_package", "second_package", "third_package"):
        subprocess.run([python, "-c", f"import {name}"], check=True)


def test_after_ctrl_c_it_says_so_and_pip_has_ended(python: Path, tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"some_package==1.0 --hash=sha256:{'0' * 64}\n")
    # pip says something, and takes a while to remove what it has fetched; here always.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys, time\n"
        "def stop(*_):\n"
        "    for _ in range(20):\n"
        "        print('cancelled', flush=True)\n"
        "        time.sleep(0.1)\n"
        "    os._exit(1)\n"
        "if 'pip' in sys.orig_argv:\n"
        "    signal.signal(signal.SIGINT, stop)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as index:  # it never answers
        index.settimeout(PATIENCE)
        url = f"http://127.0.0.1:{index.getsockname()[1]}/"
        environment = {**environment_without_pip(), "PIP_INDEX_URL": url, "PYTHONPATH": str(tmp_path)}
        with started(python, INSTALL, lock, env=environment, stderr=subprocess.PIPE) as process:
            connection, _ = index.accept()  # pip's
            with connection:
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does
                _, said = process.communicate(timeout=PATIENCE)
                with pytest.raises(ProcessLookupError):
                    os.killpg(process.pid, 0)
    assert process.returncode == 130
    assert told(said)[1:] == ["", "interrupted"], said


def test_when_pip_fails_it_shows_why(python: Path, tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(re.sub("sha256:.*", "sha256:" + "0" * 64, wheel(tmp_path, "forged")))
    done = install(python, tmp_path, lock)
    assert done.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    assert (
        done.stderr.splitlines()[-1]
        == f"pip failed with exit code {done.returncode}; its last lines are above"
    )


def test_progress_is_read_from_what_pip_prints() -> None:
    program = f"""
import runpy
install = runpy.run_path({str(INSTALL)!r})
progress = install["Progress"](3)
shown = [str(progress)]
for line in (
    "Ignoring cffi: markers don't match your environment",
    "Collecting numpy==2.4.6 (from -r import.lock (line 9))",
    "  Downloading numpy-2.4.6-cp311.whl (16.6 MB)",
    "Requirement already satisfied: onnx==1.20 in /venv",
    "Processing /wheels/small-1.0-py3-none-any.whl",
    "Collecting a2wsgi==1 (from -r import.lock (line 3))",
    "  Using cached a2wsgi-1-py3-none-any.whl (400 kB)",
):
    progress.read(line)
    shown.append(str(progress))
progress.read("Installing collected packages: numpy")
shown.append(str(progress))
print("\\n".join(shown))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    shown = done.stdout.splitlines()
    assert shown[0] == shown[1] == "fetched 0 of 3 packages"
    assert shown[3] == "fetched 1 of 3 packages, 17 MB"
    assert shown[7] == "fetched 3 of 3 packages, 17 MB"
    assert shown[8] == "unpacked 0 of 3 packages"


def test_the_makefile_installs_every_environment_by_it_and_their_sizes_are_known() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    assert "pip install" not in makefile
    locks = re.findall(r"^\$\(VENV\)/\w+: requirements/(\S+)", makefile, re.MULTILINE)
    assert len(locks) == 3
    for lock in locks:
        assert f'"{lock}": ' in INSTALL.read_text(), lock
