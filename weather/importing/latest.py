"""The latest pair in the model store, and the history of its changes.

BentoML keeps the latest version of a model in the file ``latest`` beside its versions. It sets it when a
version is created, and has no call that sets it to an older one. So that file is written here.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.exceptions import BentoMLException
from yaml import YAMLError

from weather.contract.names import CLASSIFIER, SCALER
from weather.importing.errors import BadArtifact

HISTORY_FILE = "history.json"
"""In the folder of the classifier's versions, beside ``latest``."""

IMPORTED, PROMOTED, ROLLED_BACK = "import", "promote", "rollback"
START = "start"
"""The action of the history's first entry: the pair that was the latest when the history began."""
ELSEWHERE = "other"
"""The action of a change that another program made: it set the latest, or deleted a version."""


class Pair(NamedTuple):
    """The tags of a scaler and of the classifier that was imported with it."""

    scaler: str
    classifier: str


@dataclass(frozen=True)
class Change:
    """A change of the latest pair; ``forced`` is the objection that ``--force`` overruled, if any."""

    time: str
    action: str
    before: Pair | None
    after: Pair
    forced: str | None = None


def stored(tag: str) -> bentoml.Model | None:
    """The model in the store; None if there is none, or its model.yaml can't be read."""
    try:
        return bentoml.models.get(tag)
    except (BentoMLException, YAMLError):
        return None


def pair_of(classifier: bentoml.Model) -> Pair | None:
    """A classifier and the scaler that it was imported with; None if the store lacks that scaler."""
    metadata: dict[str, Any] = classifier.info.metadata
    scaler = stored(metadata["scaler"]) if "scaler" in metadata else None
    return Pair(str(scaler.tag), str(classifier.tag)) if scaler else None


def latest_pair() -> Pair | None:
    """The latest classifier and its scaler; None when the store lacks either or can't read it."""
    classifier = stored(f"{CLASSIFIER}:latest")
    return pair_of(classifier) if classifier else None


def classifiers() -> dict[str, bentoml.Model | None]:
    """The classifiers in the store by tag, the newest import first; None for what can't be read."""
    folder = _folder(CLASSIFIER)
    versions = [path.name for path in folder.iterdir() if path.is_dir()] if folder.exists() else []
    by_tag = {f"{CLASSIFIER}:{version}": stored(f"{CLASSIFIER}:{version}") for version in versions}

    def age(entry: tuple[str, bentoml.Model | None]) -> float:
        return -entry[1].info.creation_time.timestamp() if entry[1] else 0.0

    return dict(sorted(by_tag.items(), key=age))


def pair_named(tag: str) -> Pair:
    """The pair of a classifier that is named by its tag, or by its version alone.

    Raises:
        BadArtifact: the store lacks the classifier, or its scaler.
    """
    name, _, version = tag.rpartition(":")
    if name not in ("", CLASSIFIER) or not version:
        raise BadArtifact(f"{tag} is not a classifier: give {CLASSIFIER}:VERSION, as `models` lists them")
    classifier = stored(f"{CLASSIFIER}:{version}")
    if classifier is None:
        raise BadArtifact(f"the model store has no {CLASSIFIER}:{version}: `models` lists what it has")
    pair = pair_of(classifier)
    if pair is None:
        raise BadArtifact(f"the model store lacks the scaler of {classifier.tag}: import the pair again")
    return pair


def make_latest(pair: Pair, action: str, forced: str | None = None) -> bool:
    """Make a pair the latest and add the change to the history; False if it is the latest already.

    Readers find the pair by its classifier, so the change takes effect when that model's file is renamed. A
    crash before that leaves the scaler's file ahead, which ``settle`` corrects. A crash after it leaves a
    change that the history lacks, and the next call adds it.
    """
    with _locked():
        changes = history()
        before = latest_pair()
        settled = _set(SCALER, pair.scaler)
        if before == pair:
            return settled
        if before and not changes:
            changes = [Change(_now(), START, None, before)]
            _write_history(changes)
        _set(CLASSIFIER, pair.classifier)
        _write_history([*changes, Change(_now(), action, before, pair, forced)])
        return True


def settle() -> None:
    """Set the latest scaler to that of the latest classifier, after a crash between the two."""
    pair = latest_pair()
    if pair:
        _set(SCALER, pair.scaler)


def previous(changes: Sequence[Change]) -> Pair | None:
    """The pair that a rollback restores, or None: each rollback undoes one change that is not undone yet."""
    before: list[Pair | None] = []
    for change in changes:
        if change.action == ROLLED_BACK and before:
            before.pop()
        else:
            before.append(change.before)
    return before[-1] if before else None


def history() -> list[Change]:
    """The changes of the latest pair, the oldest first, including one that another program made since.

    Raises:
        BadArtifact: the history file can't be read.
    """
    file = _folder(CLASSIFIER) / HISTORY_FILE
    changes = []
    if file.exists():
        try:
            changes = [_change(**entry) for entry in json.loads(file.read_bytes())]
        except (OSError, ValueError, TypeError) as error:
            raise BadArtifact(f"the history of the latest models, {file}, can't be read: {error}") from error
    now = latest_pair()
    if changes and now and changes[-1].after != now:
        changes.append(Change(_now(), ELSEWHERE, changes[-1].after, now))
    return changes


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _change(time: str, action: str, before: list[str] | None, after: list[str], forced: str | None) -> Change:
    return Change(time, action, Pair(*before) if before else None, Pair(*after), forced)


def _write_history(changes: Sequence[Change]) -> None:
    _replace(_folder(CLASSIFIER) / HISTORY_FILE, json.dumps([asdict(change) for change in changes], indent=1))


def _set(name: str, tag: str) -> bool:
    """Set the latest version of a model; False if it is set already."""
    file, version = _folder(name) / "latest", tag.partition(":")[2]
    if file.exists() and file.read_text().strip() == version:
        return False
    _replace(file, version)
    return True


def _replace(file: Path, text: str) -> None:
    """Replace a file atomically: a crash leaves either the old one or the new one."""
    part = file.with_name(f".{file.name}.part")
    with part.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


@contextmanager
def _locked() -> Iterator[None]:
    descriptor = os.open(_folder(CLASSIFIER), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _folder(name: str) -> Path:
    return store_path() / name


def store_path() -> Path:
    """The folder of the model store."""
    return Path(BentoMLContainer.model_store.get()._path)
