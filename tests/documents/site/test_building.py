"""What stops a build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from loadtest.serving import PROJECT

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


def test_a_link_to_nothing_stops_the_build_with_one_sentence(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for path in PROJECT.iterdir():
        if path.name == "docs":
            shutil.copytree(path, project / path.name)
        elif not path.name.startswith("."):
            (project / path.name).symlink_to(path)
    with (project / "docs" / "clients.md").open("a") as document:
        document.write("\n[more](nowhere.md)\n")
    done = run(project, "-m", "docs.site", "--out", tmp_path / "site")
    assert (done.returncode, done.stdout) == (1, "")
    reason = "docs/clients.md links to nowhere.md, which is neither a document nor a file"
    assert done.stderr == f"The site can't be built: {reason}.\n"


def test_every_fault_of_a_page_is_told_and_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "index.md").write_text(PAGE)
    folders = [tmp_path / name for name in ("source", "html", "doctrees")]
    done = run(PROJECT, "-c", BUILD, *folders)
    assert done.returncode == 1
    for fault in ("no-section", "no-document.md", "no-picture.svg", "no-language"):
        assert fault in done.stderr
    assert "'title'" not in done.stderr
