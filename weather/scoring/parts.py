"""Scores one part: reads its rows and writes files to the output folder. Run by each process."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from weather.scoring import csv_rows, parquet_rows
from weather.scoring.errors import NotScorable
from weather.scoring.files import replaced, write
from weather.scoring.job import (
    Part,
    Result,
    Source,
    opened,
    output_path,
    rejected_path,
    result_path,
)
from weather.scoring.outputs import CsvOutput, Output, ParquetOutput, csv_lines


def score_part(folder: str, digest: str, part: Part) -> Result:
    """Score the rows of a part. ``digest`` is the SHA-256 of the folder's ``_job.json``.

    The bytes depend only on the job and the part, so any process may compute it, and more than once.

    Raises:
        NotScorable: the input can't be read or has changed, or this process has other versions.
    """
    at = Path(folder)
    job, classifier = opened(at, digest)
    source = job.sources[part.source]
    path = Path(source.path)
    _check(source)
    read = csv_rows.chunks if job.format == "csv" else parquet_rows.chunks
    rows = rejected = 0
    with (
        replaced(output_path(at, job, part.number)) as file,
        replaced(rejected_path(at, part.number)) as side,
    ):
        output: Output
        if job.format == "csv":
            output = CsvOutput(file, job.columns)
        else:
            schema = parquet_rows.schema_of(path)
            output = ParquetOutput(file, [schema.field(name) for name in job.columns])
        with closing(output):
            for chunk in read(path, part, job.columns, frozenset(job.optional)):
                if len(chunk.rows):
                    decisions, probability = classifier(chunk.rows)
                    rounded = None if probability is None else probability.astype(np.float64).round(6)
                    output.write(chunk.kept, decisions, rounded)
                faults = [(rows + row, field, reason) for row, field, reason in chunk.rejections]
                side.write(csv_lines(faults))
                rows += chunk.count
                rejected += chunk.count - len(chunk.rows)
        size = file.tell()
        _check(source)
    result = Result(part=part, rows=rows, rejected=rejected, output_bytes=size)
    write(result_path(at, part.number), result.model_dump_json().encode())
    return result


def _check(source: Source) -> None:
    if Source.of(Path(source.path)) != source:
        raise NotScorable(f"{source.path} has changed since the job began: begin again in another folder")
