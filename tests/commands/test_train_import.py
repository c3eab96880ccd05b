"""The command line, on a small made-up climate: two stations, 10 weeks, rain that persists."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from distributed import Client

from loadtest.serving import PROJECT
from tests import old_system
from tests.conftest import EXAMPLE, run_cli
from tests.dask_cluster import dask_cluster
from tests.processes import lives, started
from tests.waiting import PATIENCE, until
from weather.commands.output import EXIT_CODES
from weather.contract.manifest import Manifest
from weather.contract.version import VERSION


def files_of(folder: Path) -> tuple[str | Path, ...]:
    return ("--scaler", folder / "model-scaler.pkl", "--model", folder / "svc.onnx")


@pytest.fixture(scope="module")
def climate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(8)
    hours = 10 * 7 * 24
    stations = []
    for station in ("A", "B"):
        front = np.convolve(rng.normal(size=hours + 24), np.ones(24) / 24, "valid")[:hours] * 5
        rain = front + rng.normal(0, 0.3, hours) > 1.2
        stations.append(
            pd.DataFrame(
                {
                    "Timestamp": pd.date_range("2021-03-01", periods=hours, freq="h"),
                    "Location": station,
                    "Temperature_C": 10 + 5 * np.sin(np.arange(hours) / 24 * 2 * np.pi),
                    "Humidity": np.clip(0.6 + 0.15 * front + rng.normal(0, 0.05, hours), 0, 1),
                    "Wind_speed_kmph": np.abs(rng.normal(12, 5, hours)),
                    "Wind_bearing_degrees": rng.uniform(0, 360, hours),
                    "Visibility_km": np.clip(12 - 4 * rain + rng.normal(0, 1, hours), 0, 16),
                    "Pressure_millibars": 1013 - 6 * front + rng.normal(0, 1, hours),
                    "Current_weather_condition": rain.astype(int),
                }
            )
        )
    path = tmp_path_factory.mktemp("data") / "climate.csv"
    pd.concat(stations).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def trained(climate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("artifacts")
    done = run_cli("train", "--data", climate, "--horizon", "3", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["card"] == str(out / "MODEL_CARD.md")
    assert printed["manifest"] == json.loads((out / "manifest.json").read_text())
    return out


def test_train_writes_files_that_import_takes(trained: Path, tmp_path: Path) -> None:
    done = run_cli("import", *files_of(trained), home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rain within 3 h, climate.csv" in done.stderr
    assert "model card with 3 pictures" in done.stderr


@pytest.mark.slow("trains a second time")
def test_train_twice_gives_the_same_bytes(climate: Path, trained: Path, tmp_path: Path) -> None:
    done = run_cli("train", "--data", climate, "--horizon", "3", "--out", tmp_path)
    assert done.returncode == 0
    assert done.stdout.strip() == str(tmp_path / "MODEL_CARD.md")
    assert len(done.stderr.splitlines()) == 3, "progress bars are for terminals"
    names = sorted(p.name for p in trained.iterdir())
    assert names == sorted(p.name for p in tmp_path.iterdir())
    for name in names:
        assert (trained / name).read_bytes() == (tmp_path / name).read_bytes(), name


@pytest.mark.slow("trains a second time, on a Dask cluster")
def test_train_on_a_cluster_gives_the_same_bytes(climate: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with dask_cluster(tmp_path) as cluster:
        address = cluster.address
        done = run_cli("train", "--data", climate, "--horizon", "3", "--out", out, "--cluster", address)
        assert done.returncode == 0, done.stderr
        assert len(done.stderr.splitlines()) == 3
        client = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
        with client:
            transitions = client.run_on_scheduler(  # type: ignore[no-untyped-call]
                lambda dask_scheduler: dask_scheduler.transition_counter
            )
    assert transitions > 100, "the fits went there"
    for path in trained.iterdir():
        assert path.read_bytes() == (out / path.name).read_bytes(), path.name


def test_the_card_says_what_a_reader_must_know(trained: Path) -> None:
    card = (trained / "MODEL_CARD.md").read_text()
    for needed in ("climate.csv", "within the next 3 hours", "persistence", "70 days", "Not for aviation"):
        assert needed in card
    for line in card.splitlines():
        for picture in line.split("](")[1:]:
            assert (trained / picture.split(")")[0]).exists()


def test_train_and_evaluate_say_what_cleaning_did(climate: Path, pair_folder: Path, tmp_path: Path) -> None:
    table = pd.read_csv(climate)
    table.loc[:9, "Pressure_millibars"] = 0
    table["Current_weather_condition"] = 0  # so that training ends soon: there is nothing to learn
    data = tmp_path / "data.csv"
    table.to_csv(data, index=False)
    notes = [
        "10 values of pressure_millibars outside 860 … 1090 counted as missing.",
        "pressure_millibars was missing in 10 rows (0.3 %); the last value was carried "
        "forward for up to 12 h in 0 of them.",
    ]
    for command in (("train", "--out", tmp_path), ("evaluate", *files_of(pair_folder))):
        assert run_cli(*command, "--data", data).stderr.splitlines()[:2] == notes


@pytest.mark.slow("many runs of the command")
def test_evaluate_prints_the_verification_beside_the_references(climate: Path, pair_folder: Path) -> None:
    done = run_cli("evaluate", "--data", climate, *files_of(pair_folder), "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert scores.keys() == {"model", "persistence", "climatology"}
    assert scores["persistence"]["bss_persistence"]["value"] == pytest.approx(0)
    assert scores["climatology"]["bss_climatology"]["value"] == pytest.approx(0)
    assert 0 < scores["model"]["hss"]["low"] <= scores["model"]["hss"]["value"]
    table = run_cli("evaluate", "--data", climate, *files_of(pair_folder))
    assert table.stdout.splitlines()[0].startswith("| forecaster | POD |")


@pytest.mark.slow("many runs of the command")
def test_evaluate_takes_the_old_systems_artifacts_when_told_their_horizon(
    climate: Path, tmp_path: Path
) -> None:
    old_system.write(tmp_path)
    pair = files_of(tmp_path)
    assert "give --horizon" in run_cli("evaluate", "--data", climate, *pair).stderr
    done = run_cli("evaluate", "--data", climate, *pair, "--horizon", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["brier"]["value"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["train", "--data", "nowhere.csv"], 1, "nowhere.csv can't be read"),
        (["train", "--horizon", "0"], 1, "1 to 48 hours"),
        (["import", "--scaler", "nowhere.pkl"], 1, "nowhere.pkl can't be read"),
        (["evaluate"], 2, "--data"),
        (["forecast"], 2, "invalid choice"),
    ],
)
def test_bad_input_ends_in_one_clear_sentence(
    arguments: list[str], code: int, complaint: str, tmp_path: Path
) -> None:
    done = run_cli(*arguments, home=tmp_path, cwd=tmp_path)
    assert done.returncode == code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_too_little_data_is_said_so(climate: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("\n".join(climate.read_text().splitlines()[:200]))
    done = run_cli("train", "--data", short, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "at least 5 weeks" in done.stderr
    assert not (tmp_path / "out").exists()


def test_import_as_json_says_what_is_known_of_the_pair(
    tmp_path: Path, manifest: Manifest, pair_folder: Path
) -> None:
    pair = files_of(pair_folder)
    done = run_cli("import", "--json", *pair, home=tmp_path)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)
    assert first["new"]
    assert first["calibrated"]
    assert (first["horizon_hours"], first["threshold"]) == (manifest.horizon_hours, manifest.threshold)
    again = json.loads(run_cli("import", "--json", *pair, home=tmp_path).stdout)
    assert again == {**first, "new": False}
    tags = {name: first[name] for name in ("scaler", "classifier")}
    kept = run_cli("import", "--if-missing", "--json", home=tmp_path)
    assert json.loads(kept.stdout) == {**tags, "new": False}
    plain = run_cli("import", "--if-missing", home=tmp_path)
    assert plain.stdout.splitlines() == list(tags.values())


def test_drift_has_an_exit_code_of_its_own_and_prints_json(
    climate: Path, trained: Path, tmp_path: Path
) -> None:
    frozen = {**EXAMPLE, "temp_c": -40.0, "probability": 0.9, "prediction": "Rain", "model": "weather:x"}
    lines = [json.dumps({**frozen, "timestamp": f"2026-01-01T00:00:{n:02}+00:00"}) for n in range(60)]
    (tmp_path / "data.log").write_text("\n".join(lines * 2))
    model = ("--data", climate, *files_of(trained))
    done = run_cli("drift", "--log", tmp_path, *model, "--json", "--fail-on-drift")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] == 120
    assert {"temp_c", "probability"} <= set(report["drifted"])


def test_help_names_commands_and_exit_codes() -> None:
    done = run_cli("--help")
    assert done.returncode == 0
    for word in ("train", "import", "evaluate", "drift", "score", "stdout", *map(str, EXIT_CODES)):
        assert f" {word} " in done.stdout


def test_version_is_that_of_the_project() -> None:
    assert run_cli("--version").stdout == f"train_import.py {VERSION}\n"


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_training_without_a_traceback(
    interrupt: signal.Signals, climate: Path, tmp_path: Path
) -> None:
    command = (sys.executable, f"{PROJECT}/train_import.py", "train", "--data", climate)
    outs = (tmp_path / f"out-{attempt}" for attempt in count())

    def interrupted() -> bool:
        """False if on a busy machine the signal came after the end, in some seconds."""
        out = next(outs)
        with started(*command, "--out", out, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            assert "usable hours" in process.stderr.readline()
            assert psutil.Process(process.pid).children() == [], "nothing that would outlive it"
            process.send_signal(interrupt)
            said = process.stderr.read()
            code = process.wait(PATIENCE)
        if code == 0:
            return False
        assert code == 130
        assert said == "train_import.py: interrupted\n"
        assert not out.exists()
        return True

    until(interrupted)


def test_a_failing_test_leaves_no_training_behind(climate: Path, tmp_path: Path) -> None:
    command = (sys.executable, f"{PROJECT}/train_import.py", "train", "--data", climate, "--out", tmp_path)
    family: list[psutil.Process] = []

    def fail() -> None:
        with started(*command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stderr is not None
            process.stderr.readline()
            family.append(psutil.Process(process.pid))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert family
    assert not [process for process in family if lives(process)]


@pytest.mark.slow("trains twice")
def test_the_threshold_is_chosen_by_the_rule(climate: Path, tmp_path: Path) -> None:
    done = run_cli("train", "--data", climate, "--threshold", "0.15", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    manifest = Manifest.model_validate_json((tmp_path / "manifest.json").read_text())
    assert manifest.threshold == 0.15
    assert "above 0.15: the given ratio" in " ".join((tmp_path / "MODEL_CARD.md").read_text().split())
    wrong = run_cli("train", "--data", climate, "--threshold", "best")
    assert wrong.returncode == 1
    assert "'best' is neither hss, onset nor a cost-loss ratio between 0 and 1" in wrong.stderr


@pytest.mark.slow("trains")
def test_a_model_of_a_station_without_visibility_is_trained_imported_and_evaluated(
    climate: Path, tmp_path: Path
) -> None:
    blind = tmp_path / "blind.csv"
    pd.read_csv(climate).drop(columns="Visibility_km").to_csv(blind, index=False)
    done = run_cli("train", "--data", blind, "--threshold", "onset", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "visibility_km was never measured" in (tmp_path / "out" / "MODEL_CARD.md").read_text()
    imported = run_cli("import", *files_of(tmp_path / "out"), home=tmp_path / "home")
    assert imported.returncode == 0, imported.stderr
    evaluated = run_cli("evaluate", "--data", blind, *files_of(tmp_path / "out"), "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["model"]["bss_persistence"]["value"] > 0.2


def test_evaluate_reads_years_of_isd_lite(trained: Path, pair_folder: Path) -> None:
    spec = importlib.util.find_spec("diyepw")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "data" / "noaa_isd_lite_files"
    files = sorted(folder.glob("725300-*.gz"))
    done = run_cli("evaluate", "--data", *files, *files_of(trained), "--json")
    assert done.returncode == 0, done.stderr
    assert "ISD-Lite: 725300, 2015-2017: 25," in done.stderr
    assert json.loads(done.stdout)["model"]["brier"]["value"] > 0
    refused = run_cli("evaluate", "--data", *files, *files_of(pair_folder))
    assert refused.returncode == 1
    assert "this model can't do without it" in refused.stderr
