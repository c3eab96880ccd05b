"""`make serve` as it is typed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.serving import PROJECT, free_port
from tests.processes import started
from tests.waiting import PATIENCE, until

VENV = Path(sys.executable).parents[1]
MAX_LINES = 7
"""Of a start that fails: make's commands, what the import says, the sentence, make's last word."""


@contextmanager
def serving(home: Path, folder: Path, port: int, **env: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """make, in this environment of packages, and the file of what it writes."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "HOST"}
    output = folder / "output"
    # The packages are here already, whatever the stamps of this environment say.
    command = ("make", f"--old-file={VENV}/import", "serve", f"VENV={VENV}", f"PORT={port}")
    with (
        output.open("w") as file,
        started(
            *command,
            cwd=PROJECT,
            env={**environment, "BENTOML_HOME": str(home), **env},
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        yield process, output


def failed(home: Path, folder: Path, port: int, **env: str) -> str:
    """The last line but make's own of a start that fails, without any traceback."""
    with serving(home, folder, port, **env) as (process, output):
        assert process.wait(PATIENCE) == 2
    lines = output.read_text().splitlines()
    assert "Traceback" not in output.read_text()
    assert len(lines) <= MAX_LINES, lines
    assert lines[-1].startswith("make: *** [Makefile:")
    return lines[-2]


def test_it_ends_with_the_address_and_a_request_and_stops_with_ctrl_c(
    bentoml_home: Path, tmp_path: Path
) -> None:
    with serving(bentoml_home, tmp_path, free_port()) as (process, output):
        (command,) = until(lambda: re.findall(r"^(curl .*)\n", output.read_text(), re.MULTILINE))
        assert output.read_text().splitlines()[-1] == command
        answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert "probability" in json.loads(answer.stdout)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.wait(PATIENCE)
    assert "Traceback" not in output.read_text()


def test_a_taken_port_is_the_last_sentence(bentoml_home: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = failed(bentoml_home, tmp_path, port)
    assert said == (
        f"Error: can't listen on 127.0.0.1 port {port}: another program listens there; "
        "stop it or choose another port"
    )


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {"WEATHER_LAME_DUCK_SECONDS": "x"},
            "The service can't start: WEATHER_LAME_DUCK_SECONDS is 'x': give seconds from 0 to 600",
        ),
        ({"WEATHER_API_KEYS_FILE": "/none"}, "The service can't start: /none can't be read: "),
        (
            {"BENTOML_CONFIG_OPTIONS": "nonsense"},
            "train_import.py: BentoML does not accept BENTOML_CONFIG_OPTIONS=nonsense: ",
        ),
        (
            {"BENTOML_CONFIG": "/none.yml"},
            "train_import.py: BentoML does not accept BENTOML_CONFIG=/none.yml: ",
        ),
        (
            {"BENTOML_HOME": "/dev/null/home"},
            "train_import.py: BENTOML_HOME, /dev/null/home, can't be used: ",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bad_setting_is_the_last_sentence(
    bentoml_home: Path, tmp_path: Path, env: dict[str, str], said: str
) -> None:
    home = Path(env.pop("BENTOML_HOME", bentoml_home))
    assert failed(home, tmp_path, free_port(), **env).startswith(said)
