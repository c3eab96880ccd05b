"""Makes the fork's folder: live files in its words, the overlay, lock files, and its example model."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fork.declaration import Declaration
from fork.edits import SUMMARY, edited
from fork.files import OVERLAY, PROJECT, TEMPLATE, copied, overlaid
from fork.names import Names, renamed

DATA = "data/training.csv"
LOCKS = ("training", "development")


class BadTarget(ValueError):
    """A folder that no fork can be written to."""


def check_target(folder: Path) -> None:
    """Raises BadTarget unless the folder is empty or is not there, and lies outside of this project."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadTarget(f"{folder} is not empty: give another folder, TO=…")
    if folder == PROJECT or PROJECT in folder.parents:
        raise BadTarget(f"{folder} is within this project: give another folder, TO=…")


def create(folder: Path, names: Names, declaration: Declaration, data: Path | None) -> None:
    """The fork, complete; nothing is left of one that fails.

    Raises:
        BadTarget: the folder is not empty, or is within this project.
        StaleEdit: a live file changed where an edit of ``fork/edits.py`` rests on it.
        subprocess.CalledProcessError: formatting, training or locking failed, and said why.
    """
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as unfinished:
        made = Path(unfinished) / folder.name
        write_files(made, names, declaration, data)
        tidy(made)
        train(made, data)
        lock(made, names)
        made.replace(folder)


def write_files(folder: Path, names: Names, declaration: Declaration, data: Path | None) -> None:
    """Every file of the fork but lock files and artifacts.

    Raises:
        StaleEdit: a live file changed where an edit of ``fork/edits.py`` rests on it.
    """
    for name in copied():
        content = _translated(name, names, declaration.summary)
        _write(folder / renamed(str(name), names), content, PROJECT / name)
    environment = Environment(  # noqa: S701 (Python, TOML and Markdown)
        loader=FileSystemLoader(OVERLAY),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["py"] = python_literal
    environment.filters["md"] = markdown_text
    environment.globals["live"] = lambda *passage_of: renamed(passage(*passage_of), names)
    context = {"names": names, "declared": declaration, "data": data is not None}
    for name in overlaid():
        target = folder / renamed(str(name).removesuffix(TEMPLATE), names)
        if name.suffix == TEMPLATE:
            text = environment.get_template(str(name)).render(context)
        else:
            text = renamed((OVERLAY / name).read_text(), names)
        _write(target, text.encode(), OVERLAY / name)
    if data is not None:
        _write(folder / DATA, data.read_bytes(), data)


def tidy(folder: Path) -> None:
    """Sort imports and format: names are of other lengths now, and sort elsewhere."""
    ruff = [sys.executable, "-m", "ruff"]
    _run(folder, *ruff, "check", "--quiet", "--select", "I", "--fix", ".")
    _run(folder, *ruff, "format", "--quiet", ".")


def lock(folder: Path, names: Names) -> None:
    """The lock files of the extras that differ, with the versions that are pinned here."""
    for extra in LOCKS:
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal"]
        command += ["--python-version", "3.11", "--generate-hashes", "--no-annotate"]
        command += ["--custom-compile-command", "make lock", "--no-emit-package", names.project]
        command += ["pyproject.toml", "--extra", extra, "-c", str(PROJECT / "requirements/development.lock")]
        _run(folder, *command, "-o", f"requirements/{extra}.lock")


def train(folder: Path, data: Path | None) -> None:
    """The example model, by the fork's own command, whose result is a path that is about to change."""
    source = ["--data", DATA] if data is not None else ["--placeholder"]
    _run(folder, sys.executable, "train_import.py", "train", *source, stdout=subprocess.DEVNULL)


def python_literal(value: Any) -> str:
    """A value as Python source, a whole number without its .0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def markdown_text(text: str) -> str:
    """A text as Markdown that shows it, also in a cell of a table."""
    return re.sub(r"[|<&*_`\[]", lambda character: f"&#{ord(character[0])};", text)


def passage(name: str, first: str, last: str) -> str:
    """The passage of a live file from the line ``first`` to the line ``last``, both included.

    Raises:
        ValueError: a line is not there.
    """
    lines = (PROJECT / name).read_text().splitlines()
    start = lines.index(first)
    return "\n".join(lines[start : lines.index(last, start) + 1])


def _translated(name: Path, names: Names, summary: str) -> bytes:
    content = (PROJECT / name).read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    if name.suffix == ".lock" or name.name == "LICENSE":
        return content
    return renamed(edited(str(name), text), names).replace(SUMMARY, summary).encode()


def _write(path: Path, content: bytes, like: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    shutil.copymode(like, path)


def _run(folder: Path, *command: str, stdout: int | None = None) -> None:
    environment = {**os.environ, "PYTHONPATH": "", "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run(command, cwd=folder, check=True, env=environment, stdout=stdout)
