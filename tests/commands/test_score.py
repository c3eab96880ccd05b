"""The score command: what it writes, refuses, and takes up again."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from loadtest.serving import PROJECT
from loadtest.stations import OBSERVATIONS
from tests.conftest import run_cli
from tests.processes import lives, started
from tests.scoring.rows import contents, csv_file, parquet_file
from tests.waiting import PATIENCE, until
from weather.contract.faults import accepted
from weather.contract.variables import FEATURES, LABELS, LIMITS
from weather.model.classifier import Classifier

FIRST = FEATURES[0]


@pytest.fixture(scope="module")
def pair(pair_folder: Path) -> tuple[str | Path, ...]:
    return ("--scaler", pair_folder / "model-scaler.pkl", "--model", pair_folder / "svc.onnx")


def table(folder: Path) -> list[dict[str, str]]:
    """The rows of all parts."""
    rows: list[dict[str, str]] = []
    for path in sorted(folder.glob("part-*.csv")):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    return rows


def rejected(folder: Path) -> list[list[str]]:
    with (folder / "_rejected.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def test_forecasts_stand_beside_the_columns_of_the_input(
    pair: tuple[str | Path, ...], classifier: Classifier, tmp_path: Path
) -> None:
    names = ("note", *reversed(FEATURES), "station")
    source = csv_file(tmp_path / "rows.csv", 1000, names)
    out = tmp_path / "out"
    done = run_cli("score", "--in", source, "--out", out, *pair, "--json", "--part-mb", "0.02")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert (printed["rows"], printed["forecasts"], printed["rejected"]) == (1000, 1000, 0)
    assert printed["parts"] == len(list(out.glob("part-*.csv"))) > 3
    found = table(out)
    with source.open(newline="") as file:
        for row, given in zip(found, csv.DictReader(file), strict=True):
            assert given == {name: row[name] for name in names}
    rows = np.array([[row[name] for name in FEATURES] for row in OBSERVATIONS])
    decisions, probability = classifier.decide(rows)
    assert [row["prediction"] for row in found] == [LABELS[decision] for decision in decisions]
    # A row may be summed in another order beside other rows.
    assert [float(row["probability"]) for row in found] == pytest.approx(probability, abs=2e-6)
    assert json.loads((out / "_SUCCESS").read_text())["rows"] == 1000


@pytest.mark.slow("many runs of the command")
def test_parquet_gives_the_forecasts_of_csv(pair: tuple[str | Path, ...], tmp_path: Path) -> None:
    csv_file(tmp_path / "rows.csv", 1000)
    parquet_file(tmp_path / "rows.parquet", 1000, 300)
    for name, size in (("csv", "1"), ("parquet", "0.0001")):
        source, out = tmp_path / f"rows.{name}", tmp_path / name
        done = run_cli("score", "--in", source, "--out", out, *pair, "--part-mb", size, "--workers", "1")
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "parquet").glob("part-*.parquet"))) == 4
    found = dataset.dataset(tmp_path / "parquet", format="parquet").to_table()
    assert found.column_names == ["station", *FEATURES, "prediction", "probability"]
    expected = table(tmp_path / "csv")
    assert found.column("prediction").to_pylist() == [row["prediction"] for row in expected]
    assert found.column("probability").to_pylist() == pytest.approx(
        [float(row["probability"]) for row in expected], abs=2e-6
    )


def test_bad_rows_are_left_out_and_told(pair: tuple[str | Path, ...], tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    lines = csv_file(data / "1.csv", 50).read_text().splitlines()
    csv_file(data / "2.csv", 50)
    lines[11] = lines[11].replace(str(OBSERVATIONS[10][FIRST]), str(LIMITS[FIRST][1] + 1), 1)
    lines[12] = lines[12].replace(str(OBSERVATIONS[11][FIRST]), "", 1)
    lines[41] = "S1,5"
    (data / "1.csv").write_text("\n".join(lines))
    files = ("score", "--in", f"{data}/*.csv", "--keep", "station", "--part-mb", "0.001", *pair)
    done = run_cli(*files, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "100 rows: 97 forecasts, 3 rejected" in done.stderr
    assert f"{data}/1.csv does not end with a line break" in done.stderr
    assert rejected(tmp_path / "out") == [
        [f"{data}/1.csv", "10", FIRST, f"{FIRST} is out of range: give {accepted(FIRST)}"],
        [f"{data}/1.csv", "11", FIRST, f"{FIRST} is missing: give {accepted(FIRST)}"],
        [f"{data}/1.csv", "40", "", f"2 values instead of {len(FEATURES) + 2}"],
    ]
    found = table(tmp_path / "out")
    assert [row["station"] for row in found] == [
        f"S{i % 7}" for i in [*range(10), *range(12, 40), *range(41, 50), *range(50)]
    ]
    assert found[0].keys() == {"station", "prediction", "probability"}
    strict = run_cli(*files, "--out", tmp_path / "strict", "--fail-on-rejected")
    assert strict.returncode == 5
    assert contents(tmp_path / "strict") == contents(tmp_path / "out")


def test_a_model_of_the_store_without_a_probability(old_home: Path, tmp_path: Path) -> None:
    tag = next((old_home / "models" / "weather-classifier").iterdir()).name
    csv_file(tmp_path / "rows.csv", 20)
    parquet_file(tmp_path / "rows.parquet", 20)
    for name in ("csv", "parquet"):
        options = ("--in", tmp_path / f"rows.{name}", "--out", tmp_path / name, "--keep", "none")
        done = run_cli("score", *options, "--tag", f"weather-classifier:{tag}", home=old_home)
        assert done.returncode == 0, done.stderr
    assert {row["probability"] for row in table(tmp_path / "csv")} == {""}
    found = parquet.read_table(tmp_path / "parquet" / "part-00000.parquet")
    assert found.column("probability").null_count == 20
    assert found.column("prediction").to_pylist() == [row["prediction"] for row in table(tmp_path / "csv")]


def test_optional_fields_may_be_missing(tmp_path: Path) -> None:
    """The committed model does without the visibility."""
    names = tuple(name for name in FEATURES if name != "visibility_km")
    source = csv_file(tmp_path / "rows.csv", 20, names)
    done = run_cli("score", "--in", source, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert len(table(tmp_path / "out")) == 20


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--in", "nowhere*.csv"], "there is no file nowhere*.csv"),
        (["--in", "rows.csv", "--tag", "weather-classifier:none"], "is not a classifier in the model store"),
        (["--in", "rows.csv", "--tag", "x", "--scaler", "none"], "give a tag or artifacts, not both"),
        (["--in", "rows.csv", "--workers", "0"], "must be greater than 0"),
        (["--in", "shifted.csv"], "all of 3 rows were rejected; out/_rejected.csv says why"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(options: list[str], complaint: str, tmp_path: Path) -> None:
    rows = csv_file(tmp_path / "rows.csv", 3).read_text()
    (tmp_path / "shifted.csv").write_text(rows.replace("\nS", "\nS,"))
    done = run_cli("score", *options, "--out", "out", cwd=tmp_path, home=tmp_path / "home")
    assert done.returncode == 1
    assert complaint in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "_SUCCESS").exists()


MANY_PARTS = ("--part-mb", "0.002")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return csv_file(tmp_path_factory.mktemp("source") / "rows.csv", 10_000)


@pytest.fixture(scope="module")
def expected(source: Path, pair: tuple[str | Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("expected") / "out"
    done = run_cli("score", "--in", source, "--out", out, *pair, *MANY_PARTS)
    assert done.returncode == 0, done.stderr
    return out


def first_part(out: Path, process: subprocess.Popen[str]) -> None:
    until(lambda: process.poll() is not None or next((out / "_parts").glob("[0-9]*.json"), None))


@pytest.mark.slow("many runs of the command")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 130)]
)
def test_a_run_that_was_stopped_goes_on_where_it_was(
    number: signal.Signals,
    code: int,
    source: Path,
    expected: Path,
    pair: tuple[str | Path, ...],
    tmp_path: Path,
) -> None:
    outs = (tmp_path / f"out-{attempt}" for attempt in count())
    command = (sys.executable, f"{PROJECT}/train_import.py", "score", "--in", source, *pair, *MANY_PARTS)
    total = len(list(expected.glob("part-*.csv")))

    def stopped_in_the_middle() -> tuple[Path, int] | None:
        """The folder and its number of parts; None if on a busy machine the signal came after the end."""
        out = next(outs)
        with started(*command, "--out", out, stderr=subprocess.PIPE) as process:
            first_part(out, process)
            children: list[psutil.Process] = []
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                children = psutil.Process(process.pid).children(recursive=True)
                if number == signal.SIGINT:  # as a terminal does it
                    os.killpg(process.pid, number)
                else:
                    process.send_signal(number)
            ended = process.wait(PATIENCE)
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
            if (out / "_SUCCESS").exists():
                return None
            assert ended == code
            assert children
            until(lambda: not [child for child in children if lives(child)])
        done = len(list((out / "_parts").glob("[0-9]*.json")))
        assert 0 < done <= total
        return (out, done) if done < total else None

    out, done = until(stopped_in_the_middle)
    assert not (out / "_SUCCESS").exists()
    again = run_cli("score", "--in", source, "--out", out, *pair, *MANY_PARTS)
    assert again.returncode == 0, again.stderr
    assert f"{done:,} of " in again.stderr
    assert contents(out) == contents(expected)


def test_a_part_that_was_lost_or_cut_is_computed_again(
    expected: Path, source: Path, pair: tuple[str | Path, ...]
) -> None:
    before = contents(expected)
    (expected / "part-00003.csv").unlink()
    (expected / "part-00005.csv").write_bytes(before["part-00005.csv"][:-5])
    done = run_cli("score", "--in", source, "--out", expected, *pair, *MANY_PARTS)
    assert done.returncode == 0, done.stderr
    assert f"{len(list(expected.glob('part-*'))) - 2:,} of " in done.stderr
    assert contents(expected) == before


@pytest.mark.slow("many runs of the command")
def test_a_folder_of_another_job_is_left_alone(pair: tuple[str | Path, ...], tmp_path: Path) -> None:
    source, out = csv_file(tmp_path / "rows.csv", 10), tmp_path / "out"
    command: tuple[str | Path, ...] = ("score", "--in", source, "--out", out)
    assert run_cli(*command, *pair).returncode == 0
    before = contents(out)
    for options, difference in (((), "optional, model"), ((*pair, "--keep", "none"), "columns")):
        done = run_cli(*command, *options)
        assert done.returncode == 1
        assert f"{out} holds another job (other {difference})" in done.stderr
    csv_file(source, 11)
    assert f"{out} holds another job (other sources)" in run_cli(*command, *pair).stderr
    assert contents(out) == before
    other = run_cli("score", "--in", source, "--out", tmp_path, *pair)
    assert other.returncode == 1
    assert f"{tmp_path} holds other files (out)" in other.stderr


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


@pytest.mark.slow("scores two million rows")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(form: str, pair: tuple[str | Path, ...], tmp_path: Path) -> None:
    """A Parquet file has one row group, a part of its own; as float64 its rows would be 110 MB."""
    small, large = tmp_path / f"small.{form}", tmp_path / f"large.{form}"
    if form == "csv":
        header, _, rows = csv_file(small, 1000, FEATURES).read_bytes().partition(b"\n")
        for path, times in ((small, 200), (large, 2000)):
            path.write_bytes(header + b"\n" + rows * times)
    else:
        one = parquet.read_table(parquet_file(small, 1000))
        for path, times in ((small, 200), (large, 2000)):
            # Other values in each row, or there is little to decode.
            many = pa.concat_tables([one] * times).append_column(
                "id", pa.array(np.random.default_rng(1).random(times * 1000))
            )
            parquet.write_table(many, path, row_group_size=10**7)
    peaks = []
    for path in (small, large):
        command = (PROJECT / "train_import.py", "score", "--in", path, "--out", tmp_path / path.stem, *pair)
        with started(
            sys.executable, "-c", PEAK, sys.executable, *command, "--workers", "1", stdout=subprocess.PIPE
        ) as process:
            output, _ = process.communicate(timeout=5 * PATIENCE)
        assert process.returncode == 0
        peaks.append(int(output))
    assert peaks[1] - peaks[0] < 40, peaks
