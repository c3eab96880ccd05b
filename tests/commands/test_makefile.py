"""What the Makefile lists, passes on, and asks for before it installs anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.options import service_url
from loadtest.serving import PROJECT

CONDAS = {"HOST": "x86_64-conda-linux-gnu"}
"""tcsh's is the machine's name."""


def printed(*arguments: str, env: dict[str, str] | None = None) -> str:
    """The commands that make would run."""
    environment = {k: v for k, v in os.environ.items() if k not in ("HOST", "PORT", "MAKEFLAGS")}
    return subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=PROJECT,
        env={**environment, **(env or {})},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_host_is_that_of_the_command_line_never_that_of_the_environment() -> None:
    assert "--host 127.0.0.1 --port 3000" in printed("serve")
    assert "--host 127.0.0.1 --port 3000" in printed("serve", env=CONDAS)
    assert "--host 0.0.0.0 --port 4000" in printed("serve", "HOST=0.0.0.0", "PORT=4000", env=CONDAS)


def test_a_load_test_starts_a_service_unless_the_command_line_has_an_address() -> None:
    assert "--url" not in printed("loadtest")
    assert "--url" not in printed("loadtest", env=CONDAS)
    for address in ("http://127.0.0.1:4100", "127.0.0.1:4100", ""):
        assert f"--url '{address}'" in printed("loadtest", f"HOST={address}", env=CONDAS)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:4100", "http://127.0.0.1:4100/", "https://a.example/b"]
)
def test_an_address_may_end_with_a_slash(address: str) -> None:
    assert service_url(address) == address.rstrip("/")


@pytest.mark.parametrize("address", ["127.0.0.1:4100", "", "localhost", "http://", "ftp://a", "http://a/?b"])
def test_what_is_no_address_is_refused(address: str) -> None:
    command = [sys.executable, "-m", "loadtest.run", "--url", address, "--seconds", "1"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{address!r} is not the address of a service: http://127.0.0.1:3000" in done.stderr


MAKEFILE = (PROJECT / "Makefile").read_text()


def make(folder: Path, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Run make without an environment; it must not begin to make one."""
    environment = {
        k: v for k, v in os.environ.items() if k not in ("HOST", "PORT", "MAKEFLAGS", "NAME", "DATA")
    }
    venv = folder / "venv"
    done = subprocess.run(
        ["make", *arguments, f"VENV={venv}", f"PYTHON={python}"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not venv.exists(), done.stdout + done.stderr
    return done


def test_make_lists_each_target_once_below_the_heading_of_its_subject(tmp_path: Path) -> None:
    done = make(tmp_path)
    assert done.returncode == 0, done.stderr
    headings = re.findall(r"^(\w.*)$", done.stdout, re.MULTILINE)
    assert headings == re.findall(r"^##@ (.*)$", MAKEFILE, re.MULTILINE)
    assert headings[:2] == ["serve", "your model"]
    listed = re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(re.findall(r"^([a-z][a-z-]*):.*##", MAKEFILE, re.MULTILINE))
    # What a newcomer needs first is not below a heading.
    assert done.stdout.index("make doctor") < done.stdout.index("\nserve\n")


def test_every_target_is_phony_and_every_explained_one_is_listed() -> None:
    phony = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", MAKEFILE, re.MULTILINE))
    assert targets <= phony
    assert phony - targets == {"needs-NAME", "needs-DATA", "needs-FIELDS"}


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("key", "make key NAME=station-7"),
        ("evaluate", "make evaluate DATA=mine.csv"),
        ("fork", "make fork NAME=iris_virginica FIELDS=fork/examples/iris.toml"),
    ],
)
def test_a_variable_that_is_missing_is_asked_for_at_once(target: str, sentence: str, tmp_path: Path) -> None:
    done = make(tmp_path, target)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert sentence in line


WITH_OPTIONS = (
    "stations",
    "drift",
    "loadtest",
    "loadtest-stations",
    "chaos",
    "test-replicas",
    "bench",
    "capacity",
    "figures",
)


@pytest.mark.parametrize("target", WITH_OPTIONS)
def test_help_needs_no_package_and_installs_none(target: str, tmp_path: Path) -> None:
    before = {path.name for path in PROJECT.glob(".venv*")}
    done = make(tmp_path, "--silent", target, "ARGS=--help", python=f"{sys.executable} -S")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("usage: python -m ", f"usage: train_import.py {target} "))
    assert "-h, --help" in done.stdout
    assert {path.name for path in PROJECT.glob(".venv*")} == before


def test_help_of_a_command_runs_nothing_else() -> None:
    assert "loadtest.run" not in printed("drift", "ARGS=--help")
    assert "generate" not in printed("test-artifacts", "ARGS=--help")
    assert ".venv-artifacts" not in printed("test-artifacts", "ARGS=--help")


def test_an_old_python_is_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 8); $2" \n')
    old.chmod(0o755)
    done = make(tmp_path, "--silent", "key", "NAME=a", python=str(old))
    assert done.returncode == 2
    assert "Python 3.11 or later is needed, and this is 3.8: give another one" in done.stderr.splitlines()[0]
