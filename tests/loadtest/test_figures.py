"""Which command makes which figure, and of what sources it is."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import options
from loadtest import figures, make_figures, sources
from loadtest.figures import FIGURES, Figure
from loadtest.serving import PROJECT
from loadtest.tables import publish
from tests.documents.test_links import documents

WITHOUT_A_BLOCK = {"make train", "make picture"}


def test_every_block_and_picture_of_the_documents_is_made_by_one_command() -> None:
    texts = [document.read_text() for document in documents()]
    shown = Counter(
        mark for text in texts for mark in re.findall(r"^<!-- ((?:make|python) .*?) -->$", text, re.MULTILINE)
    )
    assert Counter(mark for figure in FIGURES for mark in figure.marks) - Counter(WITHOUT_A_BLOCK) == shown
    pictures = {path for folder in ("docs", "artifacts") for path in (PROJECT / folder).glob("*.[sp][vn]g")}
    assert {PROJECT / name for figure in FIGURES for name in figure.pictures} == pictures


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_its_command_and_its_sources_exist_and_the_command_records_it(figure: Figure) -> None:
    assert sources.digest(figure.sources)
    command = list(figure.command)
    if command[0].endswith(".sh"):
        assert (PROJECT / command.pop(0)).exists()
    if "-m" in command:
        spec = importlib.util.find_spec(command[command.index("-m") + 1])
        assert spec is not None
        assert spec.origin is not None
    else:
        assert (PROJECT / command[1]).exists()
    if not figure.records_nothing:
        programs = [
            path
            for folder in ("loadtest", "benchmarks", "deploy", "tests")
            for path in (PROJECT / folder).rglob("*.py")
            if path.name not in ("figures.py", "test_figures.py")
        ]
        calls = " ".join(path.read_text() for path in programs)
        for mark in figure.marks:
            assert f'"{re.sub("^make bench: .*", "make bench: {name}", mark)}"' in calls, mark


def test_what_runs_leave_among_the_sources_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PROJECT", tmp_path)
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "benchmarks" / "run.py").write_text("run()\n")
    before = sources.digest(["benchmarks"])
    (tmp_path / "benchmarks" / "results" / "peers.json").write_text("{}")
    assert sources.digest(["benchmarks"]) == before
    (tmp_path / "benchmarks" / "more.py").write_text("more()\n")
    assert sources.digest(["benchmarks"]) != before


def test_make_figures_says_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_figures.main(["--list", "--only", "capacity", "--only", "chaos"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^chaos +[\d.]+ min .* -m loadtest.chaos --publish$", shown, re.MULTILINE)
    assert "make capacity, docs/capacity.svg" in shown
    assert "picture" not in shown


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of this test's own."""
    file = tmp_path / "figures.json"
    monkeypatch.setattr(figures, "RECORD", file)
    return file


def test_a_published_figure_is_recorded_and_stale_once_its_sources_have_changed(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "measured.py"
    source.write_text('"""A docstring."""\nX = 1\n')
    monkeypatch.setattr(sources, "PROJECT", tmp_path)
    figure = Figure("one", ("true",), 1, ("make one",), ("measured.py",))
    monkeypatch.setattr(figures, "FIGURES", (figure,))
    assert figures.staleness(figure) == "not recorded yet"

    document = tmp_path / "document.md"
    document.write_text("<!-- make one -->\n<!-- end of make one -->\n")
    publish(document, "make one", "1")
    assert figures.staleness(figure) == ""
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=PROJECT, text=True).strip()
    assert json.loads(record.read_text())["make one"]["commit"] == head

    source.write_text('"""Another one."""\n\n# A comment.\nX = (1)\n')
    assert figures.staleness(figure) == ""
    source.write_text("X = 2\n")
    assert figures.staleness(figure) == f"of commit {head[:8]}, its sources have changed since"


def command(*marks: str, code: int = 0) -> tuple[str, ...]:
    """A cheap measurement: it records marks, and ends."""
    program = "import json, sys; file, code, *marks = sys.argv[1:]; entries = json.load(open(file)); "
    program += "entries.update({m: {'commit': 'c', 'sources': 's'} for m in marks}); "
    program += "json.dump(entries, open(file, 'w')); sys.exit(int(code))"
    return (sys.executable, "-c", program, str(figures.RECORD), str(code), *marks)


def test_what_is_made_says_how_long_it_took_and_what_is_not_says_why(
    record: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old = {"commit": "old", "sources": "old"}
    record.write_text(json.dumps({"make silent": old, "make good": old}))
    chosen = [
        Figure("good", command("make good"), 7, ("make good",), ()),
        Figure("silent", command(), 1, ("make silent",), ()),
        Figure("broken", command(code=3), 1, ("make broken",), ()),
        Figure("lacking", ("true",), 1, ("make lacking",), (), needs=("no-such-tool",)),
    ]
    assert make_figures.make(chosen) == 1
    shown = capfd.readouterr().out
    assert shown.startswith("4 figures, about 10 minutes")
    assert re.search(r"^good: made, [\d.]+ min$", shown, re.MULTILINE)
    assert re.search(r"^silent +not made: the command wrote nothing for make silent$", shown, re.MULTILINE)
    assert re.search(r"^broken +failed with exit code 3$", shown, re.MULTILINE)
    assert re.search(r"^lacking +not made: no-such-tool is missing", shown, re.MULTILINE)
    entries = json.loads(record.read_text())
    assert entries["make silent"] == old, "that is what the document still shows"
    assert entries["make good"]["commit"] == "c"
    assert "minutes" in entries["make good"]
    assert "make broken" not in entries


def test_the_next_time_it_knows_how_long_each_takes(record: Path) -> None:
    figure = Figure("one", ("true",), 7, ("make one", "make other"), ())
    assert figures.minutes(figure) == 7
    record.write_text(json.dumps({"make other": {"commit": "c", "sources": "s", "minutes": 2.5}}))
    assert figures.minutes(figure) == 2.5


def test_the_report_is_no_fault(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_figures.main(["--stale"]) == 0
    shown = capsys.readouterr().out
    assert "figure chaos: not recorded yet" in shown
    assert f"0 of {len(FIGURES)} figures are of these sources; `make figures` makes the others" in shown


def test_the_parts_of_make_bench_are_those_of_its_options() -> None:
    tree = ast.parse((PROJECT / "benchmarks" / "run.py").read_text())
    (parts,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "PARTS"
    )
    assert isinstance(parts, ast.Dict)
    assert tuple(ast.literal_eval(key) for key in parts.keys if key) == options.PARTS
    assert {figure.name for figure in FIGURES} >= set(options.PARTS)
