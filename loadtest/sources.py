"""A digest of source files, which comments, docstrings and layout of Python code don't change."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent
LEFT_OUT = {"__pycache__", "results"}
"""Files and folders that runs leave among the sources; git ignores them."""


def digest(paths: Iterable[str]) -> str:
    """The digest of files and folders of the project, named relative to it.

    Raises:
        FileNotFoundError: one of them does not exist.
    """
    total = hashlib.sha256()
    for file in sorted(files(paths)):
        total.update(str(file.relative_to(PROJECT)).encode())
        total.update(content(file))
    return total.hexdigest()[:16]


def files(paths: Iterable[str]) -> Iterator[Path]:
    """The files, and all files in the folders, without LEFT_OUT."""
    for name in paths:
        path = PROJECT / name
        if path.is_dir():
            yield from (f for f in path.rglob("*") if f.is_file() and not LEFT_OUT & set(f.parts))
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"there is no {name}")


def content(file: Path) -> bytes:
    """The part of a file that enters the digest."""
    if file.suffix != ".py":
        return file.read_bytes()
    return repr(shape(ast.parse(file.read_bytes()))).encode()


def shape(part: object) -> object:
    """A syntax tree as lists, without docstrings and empty fields.

    Used because the output of ``ast.dump`` differs between versions of Python.
    """
    if isinstance(part, ast.AST):
        fields = [(name, shape(value)) for name, value in ast.iter_fields(part)]
        return [type(part).__name__, *(field for field in fields if field[1] not in (None, []))]
    if isinstance(part, list):
        return [shape(each) for each in part if not stands_alone(each)]
    return part


def stands_alone(part: object) -> bool:
    """Whether a node is a docstring, including those of attributes."""
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
