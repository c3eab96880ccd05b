"""Runs the fenced blocks of a document in their order, each as its language says.

console    each ``$ command`` is run, and must print, stdout and stderr, what stands below it
python     run in one namespace a document; a ``text`` block right below is what it prints
sh         not run, but each command is checked as far as it can be (``RULES``); ``make serve`` starts
           the service for what follows
json       parsed
toml       parsed

Any other block, and any command in ``sh`` that no rule knows, fails: nothing is skipped.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from bentoml_cli.cli import create_bentoml_cli
from distributed.cli import dask_scheduler, dask_worker

import train_import
from loadtest.serving import PROJECT, served
from tests.waiting import PATIENCE

SHOWN_URL = "http://127.0.0.1:3000"
"""The service's address in documents."""

ASSIGNMENT = re.compile(r"(\w+)=(.*)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the number of its first line, what follows the fence, its text."""

    line: int
    language: str
    text: str


def blocks(document: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown text; a fence that begins no block, an indented one say, fails."""
    fenced = list(re.finditer(r"^```([^\n]*)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL))
    assert 2 * len(fenced) == len(re.findall(r"^\s*(?:```|~~~)", document, re.MULTILINE))
    for found in fenced:
        yield Block(document[: found.start()].count("\n") + 2, found[1].strip(), found[2])


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown.

    A command goes on in the next line as long as bash finds it unfinished.
    """
    command, output = "", ""
    for line in text.splitlines():
        if command and unfinished(command):
            command += "\n" + line
        elif line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], ""
        else:
            output += line + "\n"
    yield command, output


def unfinished(command: str) -> bool:
    """Whether bash would ask for more."""
    if command.endswith("\\"):
        return True
    return subprocess.run(["bash", "-nc", command], capture_output=True, check=False).returncode != 0


def comparable(text: str) -> str:
    """Four decimals, since float32 sums differ in the sixth between processors; and no model tag."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    text = re.sub(r"0\.\d{5,}", lambda number: f"{float(number[0]):.4f}", text)
    return re.sub(r":[0-9a-f]{16}\b", ":TAG", text)


class Document:
    """A document that is run in the folder ``at``, with a model store in ``home``.

    The project's files are linked into ``at``; what the document writes stays out of the project.
    ``url`` is a service that runs already; without it the document has to start one.
    """

    def __init__(self, path: Path, at: Path, home: Path, url: str = "") -> None:
        self.path = path
        self.at = at
        self.home = home
        self.url = self.given = url
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.services = ExitStack()
        for path in PROJECT.iterdir():
            if not path.name.startswith("."):
                (at / path.name).symlink_to(path)

    def run(self) -> None:
        """Run all blocks; raise at the first that does not do what the document says."""
        found = list(blocks(self.path.read_text()))
        assert found, f"{self.path} has no block"
        with self.services, chdir(self.at):
            for block, following in zip(found, [*found[1:], Block(0, "", "")], strict=True):
                where = f"{self.path.name}, line {block.line}"
                match block.language:
                    case "console":
                        for command, shown in sessions(block.text):
                            done = self.bash(command)
                            assert comparable(done) == comparable(shown), f"{where}: {done}"
                    case "python":
                        printed = self.python(block)
                        shown = following.text if following.language == "text" else ""
                        assert comparable(printed) == comparable(shown), f"{where}: {printed}"
                    case "text":
                        assert found[found.index(block) - 1].language == "python", where
                    case "sh":
                        for command in commands(block.text):
                            self.check(command, where)
                    case "json":
                        json.loads(block.text)
                    case "toml":
                        tomllib.loads(block.text)
                    case _:
                        raise AssertionError(f"{where}: nobody has said how ```{block.language} is run")

    def placed(self, text: str) -> str:
        """``text`` with this run's service and interpreter in the place of those of the document."""
        assert self.url or SHOWN_URL not in text, f"{self.path.name} asks before it starts the service"
        return text.replace(SHOWN_URL, self.url).replace(".venv/bin/", f"{Path(sys.executable).parent}/")

    def bash(self, command: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.placed(command)],
            env={**os.environ, "BENTOML_HOME": str(self.home), "PYTHONUNBUFFERED": "1", "COLUMNS": "80"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=5 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{self.path.name}: {command}\n{done.stdout}"
        return done.stdout

    def python(self, block: Block) -> str:
        """What a block prints; a traceback has the document's lines."""
        source = "\n" * (block.line - 1) + self.placed(block.text)
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(source, str(self.path), "exec"), self.namespace)
        return printed.getvalue()

    def check(self, command: str, where: str) -> None:
        """Check one command of an ``sh`` block."""
        words = shlex.split(command, comments=True)
        environment = {}
        while words and (given := ASSIGNMENT.fullmatch(words[0])):
            environment[given[1]] = given[2]
            words.pop(0)
        for start, rule in RULES.items():
            if words[: len(start)] == list(start):
                rule(words[len(start) :])
                break
        else:
            raise AssertionError(f"{where}: no rule in tests/documents.py for: {command}")
        if words[:2] == ["make", "serve"] and (environment or not self.given):
            self.services.close()
            self.url = self.services.enter_context(served(self.home, env=in_full(environment, self.at)))


def in_full(environment: dict[str, str], at: Path) -> dict[str, str]:
    """The service runs elsewhere, so files that are named, also as an option's value, get their whole path;
    ``$(cat FILE)`` is what bash makes of it.
    """
    found = {}
    for name, value in environment.items():
        if content := re.fullmatch(r"\$\(cat (\S+)\)", value):
            value = (at / content[1]).read_text().strip()
        option, equals, path = value.rpartition("=")
        found[name] = f"{option}{equals}{at / path}" if path and (at / path).exists() else value
    return found


def commands(text: str) -> Iterator[str]:
    """The commands of an ``sh`` block, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if shlex.split(line, comments=True):
            yield line


def succeeds(*command: str | Path) -> None:
    """Run a tool in the project's folder."""
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def there(path: str) -> Path:
    """A file or folder of the project."""
    assert (PROJECT / path).exists(), f"there is no {path}"
    return PROJECT / path


def make(words: list[str]) -> None:
    """The target exists, and make knows what it would do."""
    succeeds("make", "-n", *words)


def bentoml(words: list[str]) -> None:
    """The command and its flags exist."""
    command: click.Command = create_bentoml_cli()
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context("bentoml", words, resilient_parsing=False).close()


def compose(words: list[str]) -> None:
    """The file is there, and what is scaled is in it."""
    file = there(words[words.index("-f") + 1])
    services = yaml.safe_load(file.read_text())["services"]
    for word in words:
        if scaled := ASSIGNMENT.fullmatch(word):
            assert scaled[1] in services, f"{file.name} has no service {scaled[1]}"


def kustomize(words: list[str]) -> None:
    """The folder builds, where kubectl is installed."""
    folder = words[words.index("-k") + 1]
    there(f"{folder}/kustomization.yaml")
    if shutil.which("kubectl"):
        succeeds("kubectl", "kustomize", folder)


def prometheus(words: list[str]) -> None:
    """The configuration is there and, where promtool is installed, sound."""
    file = there(words[0].removeprefix("--config.file="))
    if shutil.which("promtool"):
        succeeds("promtool", "check", "config", file)


def dask(words: list[str]) -> None:
    """The command and its flags exist."""
    command = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}[words[0]]
    command.make_context(words[0], words[1:]).close()


def train_import_py(words: list[str]) -> None:
    """The arguments are accepted."""
    train_import.parser().parse_args(words)


RULES: dict[tuple[str, ...], Callable[[list[str]], None]] = {
    ("make",): make,
    (".venv/bin/bentoml",): bentoml,
    (".venv/bin/dask",): dask,
    (".venv/bin/python", "train_import.py"): train_import_py,
    ("docker", "compose"): compose,
    ("kubectl", "apply"): kustomize,
    ("prometheus",): prometheus,
}
"""How the commands of ``sh`` blocks are checked, by their first words."""
