"""What stops a build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from loadtest.serving import PROJECT
from tests.processes import started

BUILD = """
import sys
from pathlib import Path
from docs.site.__main__ import sphinx
sys.exit(sphinx(*map(Path, sys.argv[1:])))
"""

PAGE = """# Title

[a section](#no-section), [a document](no-document.md), ![a picture](no-picture.svg), [this one](#title)

```no-language
x
```
"""


def run(at: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=at, capture_output=True, text=True, timeout=300, check=False
    )


def with_a_bad_link(tmp_path: Path) -> Path:
    """A copy of the project in which a document links to nothing, so that a build ends early."""
    project = tmp_path / "project"
    project.mkdir()
    for path in PROJECT.iterdir():
        if path.name == "docs":
            shutil.copytree(path, project / path.name)
        elif not path.name.startswith("."):
            (project / path.name).symlink_to(path)
    with (project / "docs" / "clients.md").open("a") as document:
        document.write("\n[more](nowhere.md)\n")
    return project


def test_a_link_to_nothing_stops_the_build_with_one_sentence(tmp_path: Path) -> None:
    project = with_a_bad_link(tmp_path)
    done = run(project, "-m", "docs.site", "--out", tmp_path / "site")
    assert (done.returncode, done.stdout) == (1, "")
    reason = "docs/clients.md links to nowhere.md, which is neither a document nor a file"
    assert done.stderr == f"The site can't be built: {reason}.\n"


def test_a_second_build_waits_for_the_first_and_leaves_its_files_alone(tmp_path: Path) -> None:
    project, site = with_a_bad_link(tmp_path), tmp_path / "site"
    page = site / "html" / "index.html"
    page.parent.mkdir(parents=True)
    page.touch()
    command = [sys.executable, "-m", "docs.site", "--out", str(site)]
    with FileLock(site / "lock") as lock, started(*command, cwd=project, stderr=subprocess.PIPE) as second:
        assert second.stderr is not None
        assert second.stderr.readline() == f"Another build is running in {site}: waiting for its end.\n"
        assert page.exists()
        lock.release()
        _, reason = second.communicate(timeout=300)
    assert reason.startswith("The site can't be built: ")
    assert not page.exists()


def test_every_fault_of_a_page_is_told_and_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "index.md").write_text(PAGE)
    folders = [tmp_path / name for name in ("source", "html", "doctrees")]
    done = run(PROJECT, "-c", BUILD, *folders)
    assert done.returncode == 1
    for fault in ("no-section", "no-document.md", "no-picture.svg", "no-language"):
        assert fault in done.stderr
    assert "'title'" not in done.stderr
