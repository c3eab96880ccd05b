"""Parquet in parts: row groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types
from pyarrow.parquet import ParquetFile

from weather.contract.variables import FEATURES
from weather.scoring.chunks import Chunk
from weather.scoring.errors import NotScorable
from weather.scoring.job import Part
from weather.scoring.validation import validate

ROWS = 65_536
"""Number of rows that are in memory at the same time."""

BUFFER = 1 << 20
"""Bytes of a column that are read at once; without a limit a whole row group would be in memory."""

NUMERIC = (types.is_floating, types.is_integer, types.is_decimal, types.is_null)


def opened(path: Path) -> ParquetFile:
    """The file, with its footer read.

    Raises:
        NotScorable: it can't be read or is not Parquet, for example because its end is missing.
    """
    try:
        return ParquetFile(path, pre_buffer=False, buffer_size=BUFFER)
    except (OSError, pa.ArrowInvalid) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise NotScorable(f"{path} can't be read as Parquet: {reason}") from None


def schema_of(path: Path) -> pa.Schema:
    """The columns of a file; those of the contract's fields must be numeric.

    Raises:
        NotScorable: see ``opened``; or it has no rows, or a field is not a column of numbers.
    """
    with opened(path) as file:
        schema = file.schema_arrow.remove_metadata()  # pandas' metadata may describe a missing index
        if file.metadata.num_rows == 0:
            raise NotScorable(f"{path} has no rows")
    for field in schema:
        if field.name in FEATURES and not any(numeric(field.type) for numeric in NUMERIC):
            raise NotScorable(f"{path}: the column {field.name} holds {field.type}, not numbers")
    return schema


def groups_of(path: Path) -> list[int]:
    """The size of each row group in bytes, not compressed."""
    with opened(path) as file:
        return [file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)]


def chunks(path: Path, part: Part, columns: list[str], optional: frozenset[str]) -> Iterator[Chunk]:
    """The rows of a part, ROWS at a time.

    Raises:
        NotScorable: the file is damaged.
    """
    with opened(path) as file:
        fields = [name for name in FEATURES if name in file.schema_arrow.names]
        batches = file.iter_batches(
            ROWS,
            row_groups=range(part.start, part.stop),
            columns=[*fields, *(name for name in columns if name not in fields)],
            use_threads=False,
        )
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowInvalid) as error:
                groups = f"row groups {part.start} to {part.stop - 1}"
                raise NotScorable(f"{path}, {groups}, can't be read: {error}") from None
            if batch is None:
                return
            yield _chunk(pa.table(batch), fields, columns, optional)


def _chunk(table: Any, fields: list[str], columns: list[str], optional: frozenset[str]) -> Chunk:
    values = np.full((table.num_rows, len(FEATURES)), np.nan)
    absent = np.ones(values.shape, np.bool_)
    cells = {name: table.column(name).combine_chunks() for name in fields}
    for name, column in cells.items():
        field = FEATURES.index(name)
        values[:, field] = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        absent[:, field] = column.is_null().to_numpy(zero_copy_only=False)

    def record_at(row: int) -> dict[str, float]:
        numbers = {name: column[row].as_py() for name, column in cells.items()}
        return {name: float(number) for name, number in numbers.items() if number is not None}

    good, rejections = validate(values, absent, optional, record_at)
    kept = table if good.all() else table.filter(pa.array(good))
    return Chunk(len(values), kept.select(columns).replace_schema_metadata(), values[good], rejections)
