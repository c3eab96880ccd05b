"""Metrics are files of prometheus_client's format, and a full disk costs metrics only."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import mmap_dict, values

from tests.conftest import EXAMPLE
from tests.serving.test_supervision import started
from tests.waiting import until
from weather.telemetry.metric_files import CountFile, install

MmapedDict: Any = mmap_dict.MmapedDict
SERIES = [f'["requests", "requests_total", {{"path": "{"x" * n}"}}, "°C"]' for n in range(12)]


def read(path: Path) -> dict[str, float]:
    """A file as ``/metrics`` reads it."""
    return {name: value for name, value, *_ in MmapedDict.read_all_values_from_file(path)}


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file of this process grows beyond ``limit`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_what_prometheus_client_writes(tmp_path: Path) -> None:
    ours, theirs = CountFile(tmp_path / "ours.db"), MmapedDict(str(tmp_path / "theirs.db"))
    for number in range(3):
        for at, series in enumerate(SERIES):
            ours.write(series, 0.1 * at + number, 0.0)
            theirs.read_value(series)
            theirs.write_value(series, 0.1 * at + number, 0.0)
    theirs.close()
    written = (tmp_path / "ours.db").read_bytes()
    assert written == (tmp_path / "theirs.db").read_bytes()[: len(written)]
    assert len(read(tmp_path / "ours.db")) == len(SERIES)


def test_the_gauges_of_a_killed_worker_go_when_the_next_one_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    kept = [f"gauge_livemax_{os.getppid()}.db", f"counter_{ended.pid}.db"]
    gone = [
        f"gauge_{mode}_{pid}.db"
        for mode in ("livemax", "livemin")
        for pid in (ended.pid, f"{ended.pid}-17", os.getpid())
    ]
    for name in [*kept, *gone]:
        (tmp_path / name).touch()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    install()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_what_finds_no_room_is_said_once_and_written_when_there_is_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "counter_1.db"
    file = CountFile(path)
    with caplog.at_level(logging.WARNING, logger="bentoml.weather"):
        with full_disk(200):
            for number, series in enumerate(SERIES, 1):
                file.write(series, number, 0.0)
            file.write(SERIES[-1], 99.0, 0.0)
            assert 0 < len(read(path)) < len(SERIES), "readers see whole series only"
        assert [record.getMessage() for record in caplog.records] == [
            f"Metrics are not written, forecasts go on: {path}: File too large"
        ]
        file.write(SERIES[0], 1.0, 0.0)
    assert list(read(path).values()) == [*map(float, range(1, len(SERIES))), 99.0]
    assert caplog.records[-1].getMessage() == f"Metrics are written again: {path}"


def test_a_file_that_can_not_even_be_made_is_no_empty_file(tmp_path: Path) -> None:
    """``/metrics`` would fail on an empty one."""
    file = CountFile(tmp_path / "counter_1.db")
    with full_disk(4):
        file.write(SERIES[0], 1.0, 0.0)
        assert list(tmp_path.iterdir()) == []
    file.write(SERIES[1], 2.0, 0.0)
    assert read(tmp_path / "counter_1.db") == {SERIES[0]: 1.0, SERIES[1]: 2.0}


def test_the_counts_of_an_earlier_process_of_the_same_id_stay(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        CountFile(tmp_path / "counter_1.db").write(SERIES[0], value, 0.0)
    assert sorted(read(path)[SERIES[0]] for path in tmp_path.glob("*.db")) == [1.0, 2.0]


ON_A_SMALL_DISK = 'mount -t tmpfs -o size=2m disk "$0" && cp -r "$1"/models "$0" && shift && exec "$@"'


def test_forecasts_go_on_when_the_disk_of_the_service_is_full(bentoml_home: Path, tmp_path: Path) -> None:
    """Before, the first new series then ended the worker with SIGBUS."""
    unshare = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    if subprocess.run([*unshare, f"mount -t tmpfs disk {tmp_path}"], check=False).returncode:
        pytest.skip("needs a mount of its own")
    home, text = tmp_path / "disk", tmp_path / "log"
    home.mkdir()
    with (
        text.open("wb") as log,
        started(home, *unshare, ON_A_SMALL_DISK, home, bentoml_home, log=log) as service,
        httpx.Client(base_url=service.url) as client,
    ):
        workers = service.workers()
        filler = Path(f"/proc/{service.process.pid}/root") / home.relative_to("/") / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        paths = ["/nowhere", "/predict", "/predict_batch", "/docs", "/model", "/openapi.json", "/livez"]
        codes = {client.request(method, path).status_code for path in paths for method in ("GET", "POST")}
        assert codes >= {200, 404, 405, 415}
        until(lambda: "Metrics are not written, forecasts go on" in text.read_text())
        assert client.post("/predict", json=EXAMPLE).status_code == 200
        assert client.get("/metrics").status_code == 200
        os.remove(filler)
        client.post("/predict", json=EXAMPLE)
        until(lambda: "Metrics are written again" in text.read_text())
        assert 'endpoint="other"' in client.get("/metrics").text
        assert service.workers() == workers
