"""Ports of services that are started: nobody else gets them meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import chain, count

import pytest

from loadtest.serving import PROJECT, free_port
from tests.processes import started
from tests.waiting import PATIENCE

PROGRAM = """
import sys
from loadtest.serving import free_port
print(free_port(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ports are reserved on Linux only")
def test_a_port_is_given_once_while_the_process_runs_that_asked_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = free_port()
    pipe = subprocess.PIPE
    with started(sys.executable, "-c", PROGRAM, cwd=PROJECT, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        theirs = int(process.stdout.readline())
        other = free_port()
        drawn = chain([mine, theirs, other], count(20_000))
        monkeypatch.setattr(random, "randrange", lambda *_: next(drawn))
        assert free_port() not in {mine, theirs, other}
        process.communicate(timeout=PATIENCE)
    drawn = chain([mine, theirs], count(20_000))
    assert free_port() == theirs, "its process has ended"
