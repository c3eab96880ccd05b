"""A digest of sources by what they do: comments, docstrings and layout of Python don't change it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent
LEFT_OUT = {"__pycache__", "results"}
"""What runs leave in a folder of sources; git ignores it."""


def digest(paths: Iterable[str]) -> str:
    """Of files and folders of the project, named relative to it.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    total = hashlib.sha256()
    for file in sorted(files(paths)):
        total.update(str(file.relative_to(PROJECT)).encode())
        total.update(content(file))
    return total.hexdigest()[:16]


def files(paths: Iterable[str]) -> Iterator[Path]:
    """The files that are meant."""
    for name in paths:
        path = PROJECT / name
        if path.is_dir():
            yield from (f for f in path.rglob("*") if f.is_file() and not LEFT_OUT & set(f.parts))
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"there is no {name}")


def content(file: Path) -> bytes:
    """What counts of a file."""
    if file.suffix != ".py":
        return file.read_bytes()
    return repr(shape(ast.parse(file.read_bytes()))).encode()


def shape(part: object) -> object:
    """A syntax tree as lists, without texts that stand alone, and without fields that are empty.

    ``ast.dump`` is not the same in all versions of Python.
    """
    if isinstance(part, ast.AST):
        fields = [(name, shape(value)) for name, value in ast.iter_fields(part)]
        return [type(part).__name__, *(field for field in fields if field[1] not in (None, []))]
    if isinstance(part, list):
        return [shape(each) for each in part if not stands_alone(each)]
    return part


def stands_alone(part: object) -> bool:
    """Whether it is a docstring, or a text below an attribute."""
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
