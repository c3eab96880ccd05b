"""What the Makefile passes on."""

from __future__ import annotations

import os
import subprocess
import sys

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
