"""Scoring on a Dask cluster of other processes: the same bytes, also when one of them dies."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.commands.test_score import MANY_PARTS, first_part
from tests.conftest import run_cli
from tests.dask_cluster import dask_cluster, wait_for_workers
from tests.processes import started
from tests.scoring.rows import contents, csv_file, parquet_file
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.slow("starts a Dask cluster")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_killed_worker_leaves_nothing_out(form: str, pair_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / f"rows.{form}"
    if form == "csv":
        csv_file(source, 10_000)
    else:
        parquet_file(source, 10_000, group=50)
    pair = ("--scaler", pair_folder / "model-scaler.pkl", "--model", pair_folder / "svc.onnx")
    options = ("score", "--in", source, *pair, *MANY_PARTS, "--out")
    alone = run_cli(*options, tmp_path / "alone", "--workers", "1")
    assert alone.returncode == 0, alone.stderr
    folders = (tmp_path / f"run-{attempt}" for attempt in count())

    def killed_in_the_middle() -> bool:
        """False if on a busy machine all was done before."""
        folder = next(folders)
        folder.mkdir()
        out = folder / "out"
        with dask_cluster(folder) as cluster:
            command = (
                sys.executable,
                PROJECT / "train_import.py",
                *options,
                out,
                "--cluster",
                cluster.address,
            )
            with started(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                first_part(out, process)
                cluster.workers[0].kill()
                done = len(list((out / "_parts").glob("[0-9]*.json")))
                output, errors = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, errors
            assert cluster.workers[0].wait(PATIENCE) == -9
        assert output == f"{out}\n"
        assert contents(out) == contents(tmp_path / "alone")
        return 0 < done < len(list(out.glob("part-*")))

    until(killed_in_the_middle)


def test_a_lost_scheduler_is_one_sentence_and_what_was_done_is_kept(
    pair_folder: Path, tmp_path: Path
) -> None:
    source = csv_file(tmp_path / "rows.csv", 10_000)
    pair = ("--scaler", pair_folder / "model-scaler.pkl", "--model", pair_folder / "svc.onnx")
    options = ("score", "--in", source, *pair, *MANY_PARTS, "--out")
    folders = (tmp_path / f"run-{attempt}" for attempt in count())

    def lost_in_the_middle() -> Path | None:
        """The forecasts; None if on a busy machine all was done before."""
        folder = next(folders)
        folder.mkdir()
        out = folder / "out"
        with dask_cluster(folder) as cluster:
            command = (sys.executable, PROJECT / "train_import.py", *options, out)
            with started(*command, "--cluster", cluster.address, stderr=subprocess.PIPE) as process:
                first_part(out, process)
                cluster.scheduler.kill()
                _, errors = process.communicate(timeout=PATIENCE)
        if (out / "_SUCCESS").exists():
            return None
        assert process.returncode == 1
        assert errors.splitlines()[1:] == [
            f"train_import.py: the scheduler at {cluster.address} was lost: run the command again"
        ]
        return out

    again = run_cli(*options, until(lost_in_the_middle))
    assert again.returncode == 0, again.stderr
    assert " parts are done already" in again.stderr


def test_a_cluster_without_scheduler_workers_or_the_project_is_said_so(
    pair_folder: Path, tmp_path: Path
) -> None:
    source = csv_file(tmp_path / "rows.csv", 10)
    pair = ("--scaler", pair_folder / "model-scaler.pkl", "--model", pair_folder / "svc.onnx")
    options = ("score", "--in", source, *pair, "--out", tmp_path / "out", "--cluster")
    nobody = "tcp://127.0.0.1:9"
    done = run_cli(*options, nobody)
    assert done.returncode == 1
    assert f"there is no Dask scheduler at {nobody}" in done.stderr.splitlines()[-1]
    with dask_cluster(tmp_path, 0) as cluster:
        address = cluster.address
        done = run_cli(*options, address)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith(f"the scheduler at {address} has no worker: start one")
        command = (sys.executable, "-m", "dask", "worker", address, "--no-nanny", "--no-dashboard")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with started(*command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL):
            wait_for_workers(address, 1)
            done = run_cli(*options, address)
    assert done.returncode == 1
    assert "a worker lacks what it needs (" in done.stderr
    assert "No module named 'weather'" in done.stderr
    assert "Traceback" not in done.stderr
