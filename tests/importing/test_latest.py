"""Which pair is the latest: BentoML sees what was set here, and a crash leaves one or the other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import bentoml
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore

from loadtest.serving import PROJECT
from tests.conftest import run_cli
from tests.fixtures import pair
from tests.processes import started
from tests.waiting import PATIENCE
from weather.contract.names import CLASSIFIER, SCALER
from weather.importing.errors import BadArtifact
from weather.importing.latest import (
    ELSEWHERE,
    HISTORY_FILE,
    IMPORTED,
    PROMOTED,
    ROLLED_BACK,
    START,
    classifiers,
    history,
    latest_pair,
    make_latest,
    pair_named,
    previous,
    settle,
)

FOREIGN = PROJECT / "tests" / "importing" / "fixtures" / "words_rain_logreg"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three pairs whose probabilities of rain rise."""
    made = []
    for number, offset in enumerate((pair.PAIR.offset, 0.1, 0.4)):
        folder = tmp_path_factory.mktemp(f"pair-{number}")
        pair.write(folder, pair.Constants(offset=offset))
        made.append(folder)
    return made


def add(home: Path, folder: Path, *options: str) -> str:
    """Import a pair; the tag of its classifier."""
    files: list[str | Path] = ["--scaler", *folder.glob("*scaler.pkl"), "--model", *folder.glob("*.onnx")]
    done = run_cli("import", *files, *options, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["classifier"])


@pytest.fixture(scope="module")
def filled(folders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store with three pairs and one of another scaler; the first is the latest. And their tags."""
    home = tmp_path_factory.mktemp("filled")
    tags = [add(home, folder, *["--keep-latest"][: number > 0]) for number, folder in enumerate(folders)]
    return home, [*tags, add(home, FOREIGN, "--keep-latest")]


@pytest.fixture
def store(filled: tuple[Path, list[str]], tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A copy of that store, which is also the one of this process, and its tags."""
    home, tags = filled
    shutil.copytree(home, tmp_path / "home")
    BentoMLContainer.model_store.set(ModelStore(tmp_path / "home" / "models"))
    yield tmp_path / "home", tags
    BentoMLContainer.model_store.reset()


def as_bentoml_sees_it() -> tuple[str, str]:
    return tuple(str(bentoml.models.get(f"{name}:latest").tag) for name in (SCALER, CLASSIFIER))  # type: ignore[return-value]


def promote(tag: str) -> None:
    assert make_latest(pair_named(tag), PROMOTED)


def roll_back() -> str:
    before = previous(history())
    assert before is not None
    assert make_latest(before, ROLLED_BACK)
    return before.classifier


def test_an_import_that_keeps_the_latest_never_touches_it(
    store: tuple[Path, list[str]], folders: list[Path]
) -> None:
    home, (first, second, third, foreign) = store
    assert as_bentoml_sees_it()[1] == first
    file = home / "models" / CLASSIFIER / "latest"
    before = file.stat()
    shutil.rmtree(home / "models" / CLASSIFIER / third.partition(":")[2])
    assert add(home, folders[2], "--keep-latest") == third
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(classifiers()) == [third, foreign, second, first], "the newest import first"


def test_the_first_pair_of_a_store_is_the_latest_also_when_the_latest_is_to_be_kept(
    folders: list[Path], tmp_path: Path
) -> None:
    tag = add(tmp_path, folders[0], "--keep-latest")
    assert (tmp_path / "models" / CLASSIFIER / "latest").read_text() == tag.partition(":")[2]
    assert not list(tmp_path.glob("import-*"))


def test_what_is_made_the_latest_is_bentomls_latest(store: tuple[Path, list[str]]) -> None:
    _, tags = store
    for tag in reversed(tags):
        promote(tag)
        assert as_bentoml_sees_it() == latest_pair() == pair_named(tag)
    assert not make_latest(pair_named(tags[0]), PROMOTED), "it is already"


def test_two_rollbacks_go_back_two_and_a_third_finds_nothing(store: tuple[Path, list[str]]) -> None:
    _, (first, second, third, _) = store
    promote(second)
    promote(third)
    assert roll_back() == second
    assert roll_back() == first
    assert as_bentoml_sees_it()[1] == first
    assert previous(history()) is None
    promote(third)
    assert roll_back() == first
    actions = [change.action for change in history()]
    assert actions == [START, PROMOTED, PROMOTED, ROLLED_BACK, ROLLED_BACK, PROMOTED, ROLLED_BACK]


def test_an_import_is_part_of_the_history(store: tuple[Path, list[str]], folders: list[Path]) -> None:
    home, (first, second, third, _) = store
    promote(second)
    assert add(home, folders[2]) == third
    assert [(change.action, change.after.classifier) for change in history()] == [
        (START, first),
        (PROMOTED, second),
        (IMPORTED, third),
    ]
    assert [roll_back(), roll_back()] == [second, first]


def test_what_others_made_the_latest_is_in_the_history_and_can_be_undone(
    store: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """BentoML itself makes the newest version the latest whenever one is deleted."""
    _, (first, second, _, newest) = store
    promote(second)
    promote(first)
    bentoml.models.delete(second)
    assert as_bentoml_sees_it()[1] == newest
    assert [change.action for change in history()] == [START, PROMOTED, PROMOTED, ELSEWHERE]
    assert roll_back() == first


@pytest.mark.parametrize("name", [SCALER, CLASSIFIER, HISTORY_FILE])
def test_a_crash_leaves_the_one_pair_or_the_other(
    name: str, store: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before the file of this name is replaced."""
    _, (first, second, _, foreign) = store
    other = pair_named(foreign)
    promote(second)  # so that there is a history
    promote(first)
    whole = Path.replace

    def crash(part: Path, target: Path) -> Path:
        if target.name == HISTORY_FILE == name or (target.name == "latest" and target.parent.name == name):
            raise KeyboardInterrupt
        return whole(part, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            make_latest(other, PROMOTED)
    happened = name == HISTORY_FILE
    assert latest_pair() == (other if happened else pair_named(first))
    settle()
    assert as_bentoml_sees_it() == latest_pair()
    assert make_latest(other, PROMOTED) != happened
    assert previous(history()) == pair_named(first)


def test_processes_that_promote_at_once_lose_no_change(store: tuple[Path, list[str]]) -> None:
    home, (_, second, third, _) = store
    programs = [
        started(
            *(sys.executable, PROJECT / "train_import.py", "promote", tag),
            env={**os.environ, "BENTOML_HOME": str(home)},
            stdout=subprocess.DEVNULL,
        )
        for tag in (second, third)
    ]
    with programs[0] as one, programs[1] as other:
        assert (one.wait(PATIENCE), other.wait(PATIENCE)) == (0, 0)
    changes = history()
    assert {change.after.classifier for change in changes[1:]} == {second, third}
    for earlier, later in pairwise(changes):
        assert later.before == earlier.after
    assert as_bentoml_sees_it()[1] == changes[-1].after.classifier


@pytest.mark.parametrize(
    ("tag", "complaint"),
    [
        ("weather-scaler:abc", "is not a classifier"),
        ("weather-classifier:", "is not a classifier"),
        ("0123456789abcdef", "the model store has no weather-classifier:0123456789abcdef"),
    ],
)
def test_what_is_no_classifier_of_the_store_is_refused(
    tag: str, complaint: str, store: tuple[Path, list[str]]
) -> None:
    with pytest.raises(BadArtifact, match=complaint):
        pair_named(tag)


def test_a_version_and_the_beginning_of_it_name_the_pair(store: tuple[Path, list[str]]) -> None:
    _, (_, second, *_) = store
    version = second.partition(":")[2]
    assert pair_named(second) == pair_named(version) == pair_named(version[:9])
    shutil.rmtree(bentoml.models.get(pair_named(second).scaler).path)
    with pytest.raises(BadArtifact, match=f"lacks the scaler of {second}"):
        pair_named(second)


def test_a_history_that_is_broken_is_refused_and_not_overwritten(store: tuple[Path, list[str]]) -> None:
    home, (first, second, *_) = store
    file = home / "models" / CLASSIFIER / HISTORY_FILE
    file.write_text("[{]")
    with pytest.raises(BadArtifact, match=r"history\.json, can't be read"):
        make_latest(pair_named(second), PROMOTED)
    assert file.read_text() == "[{]"
    assert as_bentoml_sees_it()[1] == first
