"""docs/first-model.md with the image that it builds and the container that it runs.

The container is in the host's network, on a free port: what ``--publish`` does is not tested.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image.container import output, started
from deploy.image.engines import PROJECT
from tests.documents.runner import Document, blocks

PAGE = PROJECT / "docs" / "first-model.md"
IMAGE = "my-rain:1"


class WithContainer(Document):
    """A document whose images are built and whose containers are started."""

    def __init__(self, engine: str, path: Path, at: Path, home: Path) -> None:
        super().__init__(path, at, home)
        self.engine = engine
        self.started: list[str] = []

    def check(self, command: str, where: str) -> None:
        words = shlex.split(command, comments=True)
        if words == ["make", "image", f"IMAGE={IMAGE}"]:
            build = [sys.executable, "-m", "deploy.image.build", IMAGE]
            subprocess.run(build, cwd=PROJECT, env=self.environment(), check=True)
        elif words[:2] == ["docker", "run"]:
            self.services.close()
            self.url = self.services.enter_context(started(self.engine, words[-1])).url
            self.started.append(words[-1])
        else:
            super().check(command, where)


@pytest.fixture
def document(engine: str, tmp_path: Path) -> Iterator[WithContainer]:
    at = tmp_path / "project"
    at.mkdir()
    yield WithContainer(engine, PAGE, at, tmp_path / "no-store")
    output(engine, "rmi", "--force", IMAGE)


def test_the_container_answers_as_the_page_says(document: WithContainer) -> None:
    document.run_blocks(blocks(PAGE.read_text()))
    assert document.started == [IMAGE]
