"""What stops a build."""

from __future__ import annotations

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


def test_every_fault_of_a_page_is_told_and_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "index.md").write_text(PAGE)
    folders = [tmp_path / name for name in ("source", "html", "doctrees")]
    done = subprocess.run(
        [sys.executable, "-c", BUILD, *folders],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    for fault in ("no-section", "no-document.md", "no-picture.svg", "no-language"):
        assert fault in done.stderr
    assert "'title'" not in done.stderr
