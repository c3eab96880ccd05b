"""The site is served on the loopback address."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx

from loadtest.serving import PROJECT
from tests.processes import started

SERVE = """
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from docs.site.__main__ import serve
serve(Path(sys.argv[1]), int(sys.argv[2]))
"""


def serve(folder: Path, port: str) -> AbstractContextManager[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    return started(sys.executable, "-c", SERVE, str(folder), port, cwd=PROJECT, stdout=pipe, stderr=pipe)


def test_it_says_where_answers_there_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the front page")
    with serve(tmp_path, "0") as first:
        assert first.stdout is not None
        said = first.stdout.readline()
        assert said.startswith("The site is served on http://127.0.0.1:")
        url = said.split()[5].rstrip(",")
        assert httpx.get(url).text == "the front page"
        with serve(tmp_path, url.rpartition(":")[2]) as second:
            _, complaint = second.communicate(timeout=120)
        assert second.returncode == 1
        assert complaint.startswith("The site can't be served on port ")
        assert complaint.endswith(": Address already in use. Name another with --port.\n")
        first.send_signal(signal.SIGINT)
        _, log = first.communicate(timeout=120)
        assert first.returncode == 0
    assert "Traceback" not in log
