"""Makes a job and its parts from file names and options."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

from weather.contract.variables import FEATURES
from weather.scoring import csv_rows, parquet_rows
from weather.scoring.errors import NotScorable
from weather.scoring.job import Job, Part
from weather.scoring.outputs import PREDICTION, PROBABILITY

Format = Literal["csv", "parquet"]
ENDINGS: dict[str, Format] = {".csv": "csv", ".parquet": "parquet"}


def files(patterns: Sequence[str]) -> list[Path]:
    """The files that match names and glob patterns, each once, in the order of the patterns.

    Raises:
        NotScorable: a pattern matches nothing.
    """
    matched: dict[Path, None] = {}
    for pattern in patterns:
        matches = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise NotScorable(f"there is no file {pattern}")
        matched |= dict.fromkeys(Path(match).resolve() for match in matches)
    return list(matched)


def format_of(paths: Sequence[Path]) -> Format:
    """The common format of all files, by the suffixes of their names.

    Raises:
        NotScorable: the format is not supported, or the files have different formats.
    """
    for path in paths:
        if path.suffix.lower() not in ENDINGS:
            raise NotScorable(
                f"{path} ends neither in .csv nor in .parquet (a compressed CSV file can't be read in parts: "
                "decompress it, or write Parquet)"
            )
    formats = {ENDINGS[path.suffix.lower()] for path in paths}
    if len(formats) > 1:
        raise NotScorable("the inputs are CSV and Parquet: score one format at a time")
    return formats.pop()


def columns_of(
    paths: Sequence[Path], form: Format, keep: Sequence[str] | None, optional: frozenset[str]
) -> list[str]:
    """The columns that are kept, all of them if ``keep`` is None, in the order of the first file.

    Raises:
        NotScorable: a file lacks a field or a column to keep, has one twice, or has one with the name of an
            output column; or files have different columns.
    """
    kept: list[str] = []
    first: Any = None
    for path in paths:
        schema: Any = None
        if form == "csv":
            names = csv_rows.header_of(path)
        else:
            schema = parquet_rows.schema_of(path)
            names = schema.names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise NotScorable(f"{path} has several columns {', '.join(repeated)}")
        missing = [name for name in FEATURES if name not in names and name not in optional]
        if missing:
            raise NotScorable(
                f"{path} has no column {', '.join(missing)}; its columns are {', '.join(names)}"
            )
        if path == paths[0]:
            kept, first = [name for name in names if keep is None or name in keep], schema
        absent = [name for name in keep or kept if name not in names]
        if absent:
            raise NotScorable(f"{path} has no column {', '.join(absent)}, which is to be kept")
        more = [name for name in names if name not in kept]
        if keep is None and more:
            raise NotScorable(
                f"{path} has the column {', '.join(more)}, which {paths[0]} has not: name those "
                "to keep (--keep)"
            )
        for name in kept if schema else ():
            if schema.field(name).type != first.field(name).type:
                types = f"{schema.field(name).type}, in {paths[0]} {first.field(name).type}"
                raise NotScorable(f"{path}: the column {name} is {types}: write both alike")
    taken = [name for name in (PREDICTION, PROBABILITY) if name in kept]
    if taken:
        raise NotScorable(f"{paths[0]} has a column {taken[0]} already: name the others to keep (--keep)")
    return kept


def parts_of(job: Job) -> Iterator[Part]:
    """The parts, numbered in the order of the rows. They depend on the job alone."""
    numbers = count()
    for index, source in enumerate(job.sources):
        if job.format == "csv":
            for start in range(0, source.size, job.part_bytes):
                stop = min(start + job.part_bytes, source.size)
                yield Part(number=next(numbers), source=index, start=start, stop=stop)
            continue
        sizes = parquet_rows.groups_of(Path(source.path))
        start = held = 0
        for group, size in enumerate(sizes):
            held += size
            if held >= job.part_bytes or group + 1 == len(sizes):
                yield Part(number=next(numbers), source=index, start=start, stop=group + 1)
                start, held = group + 1, 0


def unended(job: Job) -> list[str]:
    """CSV files whose last line has no line break: they may be truncated, with a valid-looking last value."""
    cut = []
    for source in job.sources if job.format == "csv" else ():
        with Path(source.path).open("rb") as file:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                cut.append(source.path)
    return cut
