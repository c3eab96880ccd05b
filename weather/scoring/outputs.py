"""Writes forecasts and the columns that are kept, in the format of the input."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.parquet import ParquetWriter

from weather.contract.variables import LABELS

PREDICTION, PROBABILITY = "prediction", "probability"

SHORT = 1e-4
"""From this number to 1, Arrow writes numbers as Python and the API do."""


class Output(Protocol):
    """A file of forecasts that is being written."""

    def write(self, kept: Any, decisions: NDArray[np.bool_], probability: NDArray[np.float64] | None) -> None:
        """Add n rows: a table of the columns that are kept, decisions, probabilities."""

    def close(self) -> None:
        """Write the end of the file, if the format has one."""


class CsvOutput:
    """CSV with values as in the input, quoted only if necessary."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        self._file = file
        self._file.write(csv_lines([[*columns, PREDICTION, PROBABILITY]]))

    def write(self, kept: Any, decisions: NDArray[np.bool_], probability: NDArray[np.float64] | None) -> None:
        if probability is None:
            ends = pa.repeat("\n", len(decisions))
        else:
            ends = pc.binary_join_element_wise(_texts(probability), "\n", "")
        cells = [_quoted(column.combine_chunks()) for column in kept.columns]
        lines = pc.binary_join_element_wise(*cells, _labels(decisions), ends, ",")
        self._file.write(lines.buffers()[2])

    def close(self) -> None:
        """Does nothing: a CSV file has no footer."""


class ParquetOutput:
    """Parquet with one row group per chunk."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        names = pa.schema([(PREDICTION, pa.string()), (PROBABILITY, pa.float64())])
        self._schema = pa.schema([*schema, *names])
        self._writer = ParquetWriter(file, self._schema)

    def write(self, kept: Any, decisions: NDArray[np.bool_], probability: NDArray[np.float64] | None) -> None:
        none = pa.nulls(len(decisions), pa.float64())
        probabilities = none if probability is None else pa.array(probability)
        self._writer.write_table(
            pa.Table.from_arrays([*kept.columns, _labels(decisions), probabilities], schema=self._schema)
        )

    def close(self) -> None:
        self._writer.close()


def csv_lines(rows: Sequence[Sequence[object]]) -> bytes:
    """Rows of any values as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _labels(decisions: NDArray[np.bool_]) -> Any:
    return pa.array(LABELS).take(pa.array(decisions.astype(np.int8)))


def _texts(probability: NDArray[np.float64]) -> Any:
    """Numbers in Python's notation: 0.0, 1e-05, 0.83."""
    texts = pc.cast(pa.array(probability), pa.string())
    other = (probability < SHORT) | (probability == 1)
    by_python = pa.array(map(repr, probability[other].tolist()), pa.string())
    return pc.replace_with_mask(texts, pa.array(other), by_python)


def _quoted(cells: Any) -> Any:
    """Quotes around the values that need them."""
    needed = pc.match_substring_regex(cells, '[",]')
    if not pc.any(needed).as_py():
        return cells
    doubled = pc.replace_substring(cells, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', doubled, '"', ""), cells)
