"""The options of all commands."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import train_import
from benchmarks import options as benchmarks
from loadtest import options
from loadtest.serving import PROJECT

FOLDERS = ("weather", "stations", "loadtest", "benchmarks", "deploy", "docs", "requirements")


def added(file: Path) -> Iterator[ast.Call]:
    """The calls that add an option to a parser."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_argument")):
                yield node


def files() -> list[Path]:
    """The modules with a command line."""
    found = [PROJECT / "train_import.py"]
    for folder in FOLDERS:
        found += sorted((PROJECT / folder).rglob("*.py"))
    return [file for file in found if any(added(file))]


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PROJECT)))
def test_every_option_has_a_help_text(file: Path) -> None:
    for call in added(file):
        given = {keyword.arg for keyword in call.keywords}
        # That of --version is argparse's own.
        assert "help" in given or "'version'" in ast.unparse(call), f"line {call.lineno}: {ast.unparse(call)}"


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


@pytest.mark.parametrize(
    "parser",
    [
        *parsers(train_import.parser()),
        *(make() for make in options.TARGETS.values()),
        benchmarks.bench(),
    ],
    ids=lambda parser: parser.prog,
)
def test_the_help_can_be_printed_and_explains_each_option(parser: argparse.ArgumentParser) -> None:
    text = parser.format_help()  # a % in a help text fails here only
    assert parser.description
    for action in parser._actions:
        assert action.help or isinstance(action, argparse._SubParsersAction), action
        for name in action.option_strings:
            assert name in text
