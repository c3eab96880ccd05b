"""What a test starts ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtest.serving import PROJECT, free_port
from tests.processes import lives, started
from tests.waiting import PATIENCE, until

FAMILY = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(3600)"]
print(subprocess.Popen(sleep).pid)
print(subprocess.Popen(sleep, start_new_session=True).pid, flush=True)
time.sleep({seconds})
"""


def fail_after_starting(family: list[psutil.Process], seconds: int) -> None:
    """As a test that starts a process and fails; ``family`` gets what was started."""
    with started(sys.executable, "-c", FAMILY.format(seconds=seconds), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(2)]
        family.extend(psutil.Process(pid) for pid in (process.pid, *pids))
        if not seconds:
            process.wait(PATIENCE)
        raise ZeroDivisionError


@pytest.mark.parametrize("seconds", [3600, 0], ids=["it runs on", "it ends before its children"])
def test_a_failing_test_leaves_neither_a_process_nor_its_children(seconds: int) -> None:
    family: list[psutil.Process] = []
    with pytest.raises(ZeroDivisionError):
        fail_after_starting(family, seconds)
    assert len(family) == 3
    assert not [process for process in family if lives(process)]


def test_a_service_that_a_failing_test_left_is_ended_with_its_supervisor(bentoml_home: Path) -> None:
    """The supervisor would start a new worker for each one that is killed."""
    address = ("--host", "127.0.0.1", "--port", str(free_port()))
    family: list[psutil.Process] = []

    def fail() -> None:
        environment = {**os.environ, "BENTOML_HOME": str(bentoml_home)}
        command = (sys.executable, "-m", "bentoml", "serve", ".", *address)
        with started(*command, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL) as process:
            family.extend([psutil.Process(process.pid), *until(psutil.Process(process.pid).children)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(family) == 2
    assert not [process for process in family if lives(process)]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_reaches_a_process_also_where_it_is_ignored_here(number: signal.Signals) -> None:
    """As under ``nohup make test &`` in a script."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        program = "import time; print('runs', flush=True); time.sleep(3600)"
        pipe = subprocess.PIPE
        with started(sys.executable, "-c", program, stdout=pipe, stderr=pipe) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "runs\n"
            process.send_signal(number)
            assert process.wait(PATIENCE) != 0
    finally:
        signal.signal(number, before)


def test_sigterm_ends_the_tests_with_what_they_started(tmp_path: Path) -> None:
    """``timeout make test`` sends it, to the processes of pytest-xdist through their parent."""
    pid = tmp_path / "pid"
    (tmp_path / "test_that_waits.py").write_text(
        f"""
import sys, time
from pathlib import Path
from tests.conftest import pytest_configure
from tests.processes import started

pytest_configure()

def test_that_waits():
    with started(sys.executable, "-c", "import time; time.sleep(3600)") as process:
        Path({str(pid)!r}).write_text(str(process.pid))
        time.sleep(3600)
"""
    )
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path)
    with started(*command, cwd=PROJECT, stdout=subprocess.DEVNULL) as tests:
        family = [psutil.Process(int(until(lambda: pid.read_text() if pid.exists() else "")))]
        tests.terminate()
        assert tests.wait(PATIENCE) == pytest.ExitCode.INTERRUPTED
    assert not [process for process in family if lives(process)]
