"""Files to score, and folders of forecasts to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from loadtest.stations import OBSERVATIONS
from weather.contract.variables import FEATURES
from weather.scoring.chunks import Chunk
from weather.scoring.job import Part

NOTE = 'a note, "quoted"'


def csv_file(path: Path, count: int, names: tuple[str, ...] = ("station", *FEATURES, "note")) -> Path:
    """``count`` observations, each with a station and a note."""
    rows = [{"station": f"S{i % 7}", "note": '"a note, ""quoted"""', **_row(i)} for i in range(count)]
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet_file(path: Path, count: int, group: int = 1000, **columns: Any) -> Path:
    """The same observations in row groups; ``columns`` are added or take the place of others."""
    data = {name: pa.array([_row(i)[name] for i in range(count)], pa.float64()) for name in FEATURES}
    stations = {"station": [f"S{i % 7}" for i in range(count)]}
    parquet.write_table(pa.table({**stations, **data, **columns}), path, row_group_size=group)
    return path


def whole(path: Path) -> Part:
    """A CSV file as one part."""
    return Part(number=0, source=0, start=0, stop=path.stat().st_size)


def rejections(chunks: list[Chunk]) -> list[tuple[int, str, str]]:
    """Of all chunks, with rows counted over all of them."""
    found, first = [], 0
    for chunk in chunks:
        found += [(first + row, field, reason) for row, field, reason in chunk.rejections]
        first += chunk.count
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """The files of an output folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _row(number: int) -> dict[str, float]:
    return OBSERVATIONS[number % len(OBSERVATIONS)]
