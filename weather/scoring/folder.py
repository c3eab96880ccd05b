"""The output folder: created once, reused after an interruption, finished when all parts are done."""

from __future__ import annotations

import csv
import fcntl
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from weather.scoring.errors import NotScorable
from weather.scoring.files import UNFINISHED, replaced, write
from weather.scoring.job import JOB, MODEL, PARTS, REJECTED, SUCCESS, Job, Result, rejected_path, sha256
from weather.scoring.outputs import csv_lines

LOCK = "_lock"


class Summary(BaseModel):
    """The result of a job."""

    rows: int
    forecasts: int
    rejected: int
    parts: int
    model: str


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder for this process; it is created if it does not exist.

    Raises:
        NotScorable: another process writes to it, or it can't be written.
    """
    try:
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("wb")
    except OSError as error:
        raise NotScorable(f"{folder} can't be written: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotScorable(f"another process scores into {folder}: let it end, or stop it") from None
        yield


def begin(folder: Path, job: Job, model: bytes) -> str:
    """Write the job and its classifier to a new folder, or check that an existing one has the same job.

    Returns the SHA-256 of the file of the job.

    Raises:
        NotScorable: the folder has another job, or other files.
    """
    path = folder / JOB
    content = job.model_dump_json(indent=1).encode()
    if path.exists():
        try:
            differences = Job.model_validate_json(path.read_bytes()).differences(job)
        except ValidationError:
            differences = "versions"
        if differences:
            raise NotScorable(
                f"{folder} holds another job (other {differences}): give another folder, or remove this one"
            )
    else:
        others = sorted(item.name for item in folder.iterdir() if not item.name.startswith("_"))
        if others:
            raise NotScorable(f"{folder} holds other files ({others[0]}): give a new folder")
    write(folder / MODEL, model)
    write(path, content)
    return sha256(content)


def finish(folder: Path, job: Job, results: Sequence[Result]) -> Summary:
    """Collect the rejected rows of all parts, in order, and write ``_SUCCESS``.

    Raises:
        NotScorable: every row was rejected.
    """
    rows: Counter[int] = Counter()  # of each source, up to the part
    rejected = 0
    with replaced(folder / REJECTED) as file:
        file.write(csv_lines([["file", "row", "field", "reason"]]))
        for result in results:
            source = result.part.source
            path = job.sources[source].path
            with rejected_path(folder, result.part.number).open(encoding="utf-8", newline="") as side:
                for row, field, reason in csv.reader(side):
                    file.write(csv_lines([[path, rows[source] + int(row), field, reason]]))
            rows[source] += result.rows
            rejected += result.rejected
    total = sum(rows.values())
    if rejected == total:
        raise NotScorable(f"all of {total:,} rows were rejected; {folder / REJECTED} says why")
    summary = Summary(
        rows=total, forecasts=total - rejected, rejected=rejected, parts=len(results), model=job.model
    )
    for left in [*folder.glob(f"{UNFINISHED}*"), *(folder / PARTS).glob(f"{UNFINISHED}*")]:
        left.unlink()
    write(folder / SUCCESS, summary.model_dump_json(indent=1).encode())
    return summary
