"""``python -m benchmarks.bulk_forms``: the time of each stage of a bulk request, by format and parser.

The decision records in docs/decisions/ quote these tables. CPU time, medians of interleaved bursts.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import uvloop
from numpy.typing import NDArray
from pydantic_core import from_json

from benchmarks.alternatives import BULK_ROWS, cpu_microseconds, table
from benchmarks.peers.model import compiled_classifier
from loadtest.stations import OBSERVATIONS
from loadtest.tables import markdown_table
from weather.contract.variables import FEATURES, LABELS, accepted_values
from weather.model.classifier import Classifier
from weather.serving.bulk import CSV, JSON, Answers, Bulk, answer, write
from weather.serving.bulk_csv import parse_csv
from weather.serving.bulk_json import parse_json

ROWS = OBSERVATIONS[:BULK_ROWS]
AS_JSON = str({"observations": ROWS}).replace("'", '"').encode()
LINES = "".join(",".join(map(str, row.values())) + "\n" for row in ROWS)
AS_CSV = f"{','.join(FEATURES)}\n{LINES}".encode()


def read_arrow(body: bytes) -> NDArray[np.float64]:
    """An Arrow IPC stream with a column of float64 for each field."""
    columns = pa.ipc.open_stream(body).read_all()
    rows = np.column_stack([columns.column(name).to_numpy() for name in FEATURES])
    assert accepted_values(rows).all()
    return rows


def write_arrow(answers: Answers) -> bytes:
    """An Arrow IPC stream with the columns of forecasts."""
    predictions = pa.DictionaryArray.from_arrays(np.array(answers.decisions, np.int8), list(LABELS))
    probabilities = pa.array(answers.probabilities, pa.float64())
    return stream(pa.record_batch([predictions, probabilities], ["prediction", "probability"]))


def stream(batch: Any) -> bytes:
    """An Arrow IPC stream of one batch."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def stages(classifier: Classifier) -> str:
    """Reading, classifying and writing, without HTTP, for each form."""
    loop = uvloop.new_event_loop()

    def wait(call: Callable[..., Awaitable[Any]], *arguments: Any) -> Callable[[], Any]:
        return lambda: loop.run_until_complete(call(*arguments))

    rows = wait(parse_json, AS_JSON)()
    as_arrow = stream(pa.record_batch(list(rows.T), list(FEATURES)))
    classify = wait(answer, classifier, Bulk(rows, JSON))
    answers = classify()
    forms = {
        "CSV": (wait(parse_csv, AS_CSV), wait(write, Answers(answers.decisions, answers.probabilities, CSV))),
        "JSON": (wait(parse_json, AS_JSON), wait(write, answers)),
        "Arrow IPC stream": (partial(read_arrow, as_arrow), partial(write_arrow, answers)),
    }
    calls = [classify, *(call for pair in forms.values() for call in pair)]
    classified, *times = (took / BULK_ROWS for took in cpu_microseconds(calls))
    totals = {
        name: (read, written, read + classified + written)
        for name, read, written in zip(forms, times[::2], times[1::2], strict=True)
    }
    lines = [
        [name, *(f"{took:.2f}" for took in (read, classified, written, total, totals["CSV"][2] / total))]
        for name, (read, written, total) in totals.items()
    ]
    loop.close()
    header = [f"{BULK_ROWS:,} rows, µs per row", "read", "classify", "write", "together", "× the rate of CSV"]
    return markdown_table(header, lines)


def csv_parsers() -> str:
    """Ways from lines of numbers to an array, without checks."""
    text = LINES.encode()

    def flat(numbers: Any) -> NDArray[np.float64]:
        return np.array(numbers, np.float64).reshape(-1, len(FEATURES))

    return table(
        f"read {BULK_ROWS:,} lines",
        "µs per line",
        {
            "np.loadtxt (in use)": lambda: np.loadtxt(io.StringIO(LINES), delimiter=",", comments=None),
            "as nested JSON arrays, pydantic_core": lambda: np.array(
                from_json(b"[[" + text[:-1].replace(b"\n", b"],[") + b"]]"), np.float64
            ),
            "as one JSON array, pydantic_core": lambda: flat(
                from_json(b"[" + text[:-1].replace(b"\n", b",") + b"]")
            ),
            "split and float": lambda: flat(list(map(float, text[:-1].replace(b"\n", b",").split(b",")))),
            "split and np.array": lambda: flat(text[:-1].replace(b"\n", b",").split(b",")),
            "np.fromstring": lambda: np.fromstring(LINES.replace("\n", ","), sep=","),
        },
        BULK_ROWS,
    )


def main() -> int:
    """Print the tables."""
    print(stages(compiled_classifier()), end="\n\n", flush=True)
    print(csv_parsers())
    return 0


if __name__ == "__main__":
    sys.exit(main())
