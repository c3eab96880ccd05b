"""Runs the fenced blocks of a document in their order, each as its language says; and once more, since people
follow a document twice.

console    each ``$ command`` is run, and must print, stdout and stderr, what stands below it
python     run in one namespace a document; a ``text`` block right below is what it prints
sh         not run, but each command is checked as far as it can be (``RULES``); ``make serve`` starts
           the service for what follows
json       parsed
toml       parsed

Any other block, and any command in ``sh`` that no rule knows, fails: nothing is skipped. So does a document
whose commands leave files that git does not ignore.

A part is what stands below a heading of the second level. It is also run alone, after the blocks above the
first part and after the parts that it names: "Continues [title](#anchor)." A step, whose title begins with a
number, continues the step before it.
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
import tempfile
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
PART = re.compile(r"^## (.+)$", re.MULTILINE)
LATER_STEP = re.compile(r"([2-9]|\d\d)\. ")
CONTINUES = re.compile(r"^Continues (.+)\.$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: the number of its first line, what follows the fence, its text."""

    line: int
    language: str
    text: str


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a Markdown text; a fence that begins no block, an indented one say, fails."""
    fenced = list(re.finditer(r"^```([^\n]*)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL))
    assert 2 * len(fenced) == len(re.findall(r"^\s*(?:```|~~~)", document, re.MULTILINE))
    return [Block(line_of(document, found.start()) + 1, found[1].strip(), found[2]) for found in fenced]


def line_of(text: str, position: int) -> int:
    """The number of the line, from 1."""
    return text.count("\n", 0, position) + 1


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


def anchor(title: str) -> str:
    """Of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def parts(document: str) -> dict[str, list[Block]]:
    """By a part's anchor the blocks that it needs and its own: those above the first part, those of the parts
    that it continues.
    """
    titles = list(PART.finditer(document))
    ends = [*(title.start() for title in titles[1:]), len(document)][: len(titles)]
    above = [
        block
        for block in blocks(document)
        if not titles or block.line <= line_of(document, titles[0].start())
    ]
    own: dict[str, list[Block]] = {}
    for title, end in zip(titles, ends, strict=True):
        continued = re.findall(r"\]\(#([\w-]+)\)", " ".join(CONTINUES.findall(document[title.end() : end])))
        if LATER_STEP.match(title[1]):
            continued.append(list(own)[-1])
        needed = dict.fromkeys([*above, *(block for part in continued for block in own[part])])
        lines = range(line_of(document, title.start()), line_of(document, end))
        own[anchor(title[1])] = [*needed, *(block for block in blocks(document) if block.line in lines)]
    return own


def comparable(text: str) -> str:
    """Four decimals, since float32 sums differ in the sixth between processors; no model tag; and no
    difference between the first import and those after it, which the documents tell in words.
    """
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    text = re.sub(r"0\.\d{5,}", lambda number: f"{float(number[0]):.4f}", text)
    text = re.sub(r":[0-9a-f]{16}\b", ":TAG", text)
    return text.replace("already in the store; nothing added", "imported")


class Document:
    """A document that is run in the folder ``at``, with a model store in ``home``.

    The project's files are linked into ``at``; what the document writes stays out of the project.
    ``url`` is a service that runs already; without it the document has to start one.
    """

    def __init__(self, path: Path, at: Path, home: Path, url: str = "") -> None:
        self.path = path
        self.at = at
        self.home = self.given_home = home
        self.url = self.given_url = url
        self.namespace: dict[str, Any] = {}
        self.services = ExitStack()
        for path in PROJECT.iterdir():
            if not path.name.startswith("."):
                (at / path.name).symlink_to(path)

    def run(self) -> None:
        """Run all blocks, twice, and then each part alone; raise at the first that does not do what the
        document says.
        """
        text = self.path.read_text()
        found = blocks(text)
        assert found, f"{self.path} has no block"
        self.run_blocks(found)
        self.run_blocks(found)
        for part in parts(text).values():
            # What continues all that stands before it was run alone above.
            if part != found[: len(part)]:
                with tempfile.TemporaryDirectory() as at:
                    Document(self.path, Path(at), self.given_home, self.given_url).run_blocks(part)

    def run_blocks(self, found: list[Block]) -> None:
        """Run blocks in new sessions: no service of the document's, no names in Python."""
        self.url, self.home, self.namespace = self.given_url, self.given_home, {"__name__": "__main__"}
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
        self.check_ignored()

    def check_ignored(self) -> None:
        """What the document's commands leave in the project's folder is ignored by git."""
        for path in self.at.iterdir():
            if not path.is_symlink():
                name = f"{path.name}/" if path.is_dir() else path.name
                assert is_ignored(name), f"{self.path.name} leaves {name}, which .gitignore does not have"

    def placed(self, text: str) -> str:
        """``text`` with this run's service and interpreter in the place of those of the document."""
        assert self.url or SHOWN_URL not in text, f"{self.path.name} asks before it starts the service"
        return text.replace(SHOWN_URL, self.url).replace(".venv/bin/", f"{Path(sys.executable).parent}/")

    def environment(self) -> dict[str, str]:
        """The variables of its commands."""
        return {**os.environ, "BENTOML_HOME": str(self.home), "PYTHONUNBUFFERED": "1", "COLUMNS": "80"}

    def bash(self, command: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.placed(command)],
            env=self.environment(),
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
        if words[0] == "export":  # a model store of the document's own
            name, _, path = words[1].partition("=$PWD/")
            assert (name, len(words)) == ("BENTOML_HOME", 2), f"{where}: {command}"
            self.home = self.at / path
            return
        environment = {}
        while words and (given := ASSIGNMENT.fullmatch(words[0])):
            environment[given[1]] = given[2]
            words.pop(0)
        for start, rule in RULES.items():
            if words[: len(start)] == list(start):
                rule(words[len(start) :])
                break
        else:
            raise AssertionError(f"{where}: no rule in tests/documents/runner.py for: {command}")
        if words[:2] == ["make", "serve"] and (environment or not self.given_url):
            self.services.close()
            self.url = self.services.enter_context(served(self.home, env=in_full(environment, self.at)))


def is_ignored(name: str) -> bool:
    """Whether the project's .gitignore has a file of the project's folder; a folder ends with a slash."""
    with tempfile.TemporaryDirectory() as repository:
        subprocess.run(["git", "init", "--quiet", repository], check=True)
        shutil.copy(PROJECT / ".gitignore", repository)
        command = ["git", "-C", repository, "check-ignore", "--quiet", name]
        return subprocess.run(command, check=False).returncode == 0


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
    """Run a tool in the project's folder, as a reader would: without the variables of the make that runs the
    tests, which may use another environment than ``.venv``.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("VENV", "MAKEFLAGS")}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
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


def container(words: list[str]) -> None:
    """What is published and which image is run; deploy/image/test_first_model.py runs the container."""
    assert "--publish" in words
    assert words[-1].count(":") == 1, words[-1]


def in_engine(words: list[str]) -> None:
    """The script is there, and the command that it runs is one that is known."""
    assert words[:1] in (["make"], ["podman"])
    RULES[tuple(words[: 1 if words[0] == "make" else 2])](words[1 if words[0] == "make" else 2 :])


def train_import_py(words: list[str]) -> None:
    """The arguments are accepted."""
    train_import.parser().parse_args(words)


RULES: dict[tuple[str, ...], Callable[[list[str]], None]] = {
    ("make",): make,
    (".venv/bin/bentoml",): bentoml,
    (".venv/bin/dask",): dask,
    (".venv/bin/python", "train_import.py"): train_import_py,
    ("deploy/image/engine.sh",): in_engine,
    ("docker", "compose"): compose,
    ("docker", "run"): container,
    ("kubectl", "apply"): kustomize,
    ("podman", "run"): container,
    ("prometheus",): prometheus,
}
"""How the commands of ``sh`` blocks are checked, by their first words."""
