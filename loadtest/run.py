"""Start a service in a model store of its own, load it with Locust, stop it, pass on the verdict."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtest.serving import PROJECT, served


def main() -> int:
    """Locust's exit code: not 0 when any request failed."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.run", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--users", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True"}
        subprocess.run(
            [sys.executable, "train_import.py", "import"], cwd=PROJECT, env=environment, check=True
        )
        with served(Path(home)) as url:
            return load(url, given.seconds, given.users)


def load(url: str, seconds: int, users: int) -> int:
    """Run Locust without its web page; bounded in time by ``seconds``."""
    command = [
        *(sys.executable, "-m", "locust", "-f", str(PROJECT / "loadtest" / "locustfile.py")),
        *("--headless", "--host", url, "--users", str(users), "--spawn-rate", str(users)),
        *("--run-time", f"{seconds}s", "--only-summary", "--exit-code-on-error", "1"),
    ]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
