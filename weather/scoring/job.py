"""The job and the results of its parts, as they are stored in the output folder.

The folder is all that the processes share, on one machine or on several:

``_job.json``                    inputs, model, columns, versions; the same for a rerun, or it is refused
``_model.onnx``                  the compiled classifier
``part-00000.csv``, ...          forecasts, in the order of the rows
``_parts/00000.json``, ...       written last: the part is done
``_parts/00000.rejected.csv``    its rejected rows
``_rejected.csv``                those of all parts
``_SUCCESS``                     counts; written when all parts are done
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from weather.contract.version import VERSION
from weather.model.classifier import Classifier
from weather.scoring.errors import NotScorable

JOB, MODEL, PARTS, REJECTED, SUCCESS = "_job.json", "_model.onnx", "_parts", "_rejected.csv", "_SUCCESS"

PACKAGES = ("numpy", "onnxruntime", "pyarrow")
"""Packages whose other versions may produce different bytes."""


class Source(BaseModel):
    """An input file as it was when the job began."""

    model_config = ConfigDict(frozen=True)
    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Source:
        """The file as it is now.

        Raises:
            NotScorable: there is none, or it can't be read.
        """
        try:
            facts = path.stat()
        except OSError as error:
            raise NotScorable(f"{path} can't be read: {error.strerror}") from None
        return cls(path=str(path), size=facts.st_size, mtime_ns=facts.st_mtime_ns)


class Job(BaseModel):
    """Everything that the bytes of the output depend on. ``columns`` are the input columns to keep."""

    model_config = ConfigDict(frozen=True)
    format: Literal["csv", "parquet"]
    sources: list[Source]
    columns: list[str]
    optional: list[str]
    model: str
    """SHA-256 of the compiled classifier."""
    part_bytes: int
    versions: dict[str, str]

    def differences(self, other: Job) -> str:
        """The names of what differs; empty if nothing does."""
        return ", ".join(name for name in Job.model_fields if getattr(self, name) != getattr(other, name))


class Part(BaseModel):
    """Bytes of a CSV file, or row groups of a Parquet file: ``start`` to before ``stop``.

    A line belongs to the part in which it begins.
    """

    model_config = ConfigDict(frozen=True)
    number: int
    source: int
    start: int
    stop: int


class Result(BaseModel):
    """A part that is done: its rows, how many of them were rejected, the size of its file."""

    model_config = ConfigDict(frozen=True)
    part: Part
    rows: int
    rejected: int
    output_bytes: int


@cache
def versions() -> dict[str, str]:
    """The installed versions of the packages that compute and write."""
    return {"rain-forecast": VERSION, **{name: version(name) for name in PACKAGES}}


def sha256(content: bytes) -> str:
    """The hex digest."""
    return hashlib.sha256(content).hexdigest()


def output_path(folder: Path, job: Job, number: int) -> Path:
    """The forecasts of a part."""
    return folder / f"part-{number:05}.{job.format}"


def rejected_path(folder: Path, number: int) -> Path:
    """The rejected rows of a part."""
    return folder / PARTS / f"{number:05}.rejected.csv"


def result_path(folder: Path, number: int) -> Path:
    """The record that a part is done."""
    return folder / PARTS / f"{number:05}.json"


def result_of(folder: Path, job: Job, part: Part) -> Result | None:
    """The result of a part; None if it is not done, or if its file is not the one that was written."""
    try:
        result = Result.model_validate_json(result_path(folder, part.number).read_bytes())
        size = output_path(folder, job, part.number).stat().st_size
    except (FileNotFoundError, ValidationError):
        return None
    intact = rejected_path(folder, part.number).exists() and size == result.output_bytes
    return result if intact and result.part == part else None


@lru_cache(maxsize=1)
def opened(folder: Path, digest: str) -> tuple[Job, Classifier]:
    """The job of a folder and its classifier. ``digest`` is that of the file ``_job.json``.

    Raises:
        NotScorable: this process reads other files than the command, or has other versions of packages.
    """
    try:
        content, model = (folder / JOB).read_bytes(), (folder / MODEL).read_bytes()
    except OSError as error:
        raise NotScorable(
            f"a worker can't read {error.filename} ({error.strerror}): the output folder and the inputs must "
            "lie where every worker has them under the same path"
        ) from None
    if sha256(content) != digest:
        raise NotScorable(f"a worker sees another {folder / JOB} than the command wrote")
    job = Job.model_validate_json(content)
    if job.versions != versions():
        raise NotScorable(
            f"the job was begun with {job.versions}, a worker has {versions()}: install the same"
        )
    if sha256(model) != job.model:
        raise NotScorable(
            f"{folder / MODEL} has changed since the job began: remove {folder} and start again"
        )
    return job, Classifier(model)
