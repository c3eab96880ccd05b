"""The folder of a running service: where it is made, who removes it, what the workers read in it."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from weather.serving import run_folder

MODELS = {"weather-scaler": "weather-scaler:1", "weather-classifier": "weather-classifier:2"}


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The variable is as before afterwards; the system's temporary folder is one of ours."""
    monkeypatch.setenv(run_folder.VARIABLE, "")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return temporary


def test_workers_load_the_models_that_are_kept(tmp_path: Path) -> None:
    assert run_folder.current() is None
    assert run_folder.tag("weather-scaler") == "weather-scaler:latest"
    folder = run_folder.create(tmp_path, MODELS)
    assert folder.path.parent == tmp_path / "run"
    assert run_folder.current() == folder
    assert folder.supervisor == os.getpid()
    assert run_folder.tag("weather-scaler") == "weather-scaler:1"
    folder.keep({**MODELS, "weather-scaler": "weather-scaler:3"})
    assert run_folder.tag("weather-scaler") == "weather-scaler:3"
    assert run_folder.tag("weather-classifier") == "weather-classifier:2"


def test_a_request_for_another_classifier_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, MODELS)
    assert folder.requested() == (0, "")
    folder.request("weather-classifier:3")
    at, tag = folder.requested()
    assert tag == "weather-classifier:3"
    assert at > 0
    assert run_folder.tag("weather-classifier") == "weather-classifier:2", (
        "that it has passed is not known yet"
    )


def test_folders_of_dead_services_are_removed_and_no_others(tmp_path: Path) -> None:
    run = tmp_path / "run"
    dead, stranger = run / "rain_forecast-dead", run / "other-service"
    dead.mkdir(parents=True)
    (dead / "metrics").mkdir()
    stranger.mkdir()
    one = run_folder.create(tmp_path, MODELS)
    two = run_folder.create(tmp_path, MODELS)
    assert set(run.iterdir()) == {stranger, one.path, two.path}


def test_a_folder_stays_locked_while_its_service_runs(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, MODELS)
    descriptor = os.open(folder.path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_where_the_home_can_not_be_written_to_it_is_a_temporary_folder(
    tmp_path: Path, environment: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("not a folder")
    with caplog.at_level(logging.WARNING, logger="bentoml.weather"):
        folder = run_folder.create(tmp_path, MODELS)
    assert folder.path.parent == environment
    assert folder.models == MODELS
    assert "can't be written to" in caplog.records[-1].getMessage()
    shutil.rmtree(environment)
    environment.write_text("not a folder either")
    with pytest.raises(FileExistsError):
        run_folder.create(tmp_path, MODELS)
