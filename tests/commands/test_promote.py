"""compare, promote, rollback and models on a store with two pairs, of which the second was imported beside
the latest.
"""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loadtest.stations import OBSERVATIONS
from tests.conftest import Import, run_cli
from tests.fixtures import pair
from weather.contract.variables import LABELS

HOURS = 20 * 24
HIGHER = pair.Constants(offset=0.8)
"""Of the second pair: its probabilities of rain are all higher."""


@pytest.fixture(scope="module")
def two(
    imported: Import, pair_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """A store, the tag of its latest classifier and that of the other."""
    home = imported("pair", pair_folder / "model-scaler.pkl", pair_folder / "svc.onnx")
    first = run_cli("import", "--if-missing", "--json", home=home)
    scaler, model = pair.write(tmp_path_factory.mktemp("second"), HIGHER)
    done = run_cli("import", "--scaler", scaler, "--model", model, "--keep-latest", "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["latest"] == json.loads(first.stdout)["classifier"] != found["classifier"]
    assert f"the latest stays {found['latest']}" in done.stderr
    return home, found["latest"], found["classifier"]


@pytest.fixture
def store(two: tuple[Path, str, str], tmp_path: Path) -> tuple[Path, str, str]:
    """A copy for a test that changes it."""
    home, first, second = two
    return shutil.copytree(home, tmp_path / "home"), first, second


@pytest.fixture(scope="module")
def log(two: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 20 days, of the latest model and without a challenger."""
    file = tmp_path_factory.mktemp("log") / "data.log"
    lines = []
    for hour, row in enumerate(rows()):
        chance = round(pair.probability(row), 6)
        forecast = {"probability": chance, "prediction": LABELS[chance > pair.THRESHOLD], "model": two[1]}
        lines.append(json.dumps({**row, **forecast, "timestamp": time_of(hour).isoformat()}))
    file.write_text("\n".join(lines))
    return file


def rows() -> list[dict[str, float]]:
    return [OBSERVATIONS[(7 * number) % len(OBSERVATIONS)] for number in range(HOURS)]


def time_of(hour: int) -> pd.Timestamp:
    return pd.Timestamp("2026-03-01T00:20", tz="UTC") + pd.Timedelta(hours=hour)


def came(folder: Path, constants: pair.Constants) -> Path:
    """Outcomes as the model of these constants forecasts them."""
    probabilities = [pair.probability(row, constants) for row in rows()]
    rain = np.random.default_rng(5).random(HOURS) < probabilities
    hours = [time_of(hour).isoformat() for hour in range(HOURS)]
    file = folder / "came.csv"
    pd.DataFrame({"hour": hours, "rain": rain.astype(int)}).to_csv(file, index=False)
    return file


def latest(home: Path) -> str:
    return f"weather-classifier:{(home / 'models' / 'weather-classifier' / 'latest').read_text()}"


def test_a_pair_is_promoted_and_rolled_back_and_the_list_says_so(store: tuple[Path, str, str]) -> None:
    home, first, second = store
    listed = run_cli("models", home=home)
    newest, oldest = listed.stdout.splitlines()
    assert newest.startswith(f"  {second}  ")
    assert oldest.startswith(f"* {first}  ")
    nothing = run_cli("rollback", home=home)
    assert nothing.returncode == 1
    assert "nothing to go back to" in nothing.stderr
    done = run_cli("promote", second.partition(":")[2], home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == second == latest(home)
    assert "WEATHER_FOLLOW_LATEST" in done.stderr
    assert "is the latest already" in run_cli("promote", second, home=home).stderr
    found = json.loads(run_cli("models", "--json", home=home).stdout)
    assert {row["classifier"]: row["latest"] for row in found["models"]} == {first: False, second: True}
    assert found["rollback_goes_to"] == first
    back = run_cli("rollback", "--json", home=home)
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["classifier"] == first == latest(home)


def test_a_pair_that_no_service_would_serve_is_not_promoted_even_by_force(
    store: tuple[Path, str, str],
) -> None:
    home, first, second = store
    folder = home / "models" / "weather-classifier" / second.partition(":")[2]
    model, manifest = folder / "model.yaml", folder / "manifest.json"
    before = sha256(manifest.read_bytes()).hexdigest()
    changed = json.loads(manifest.read_text())
    changed["golden"][0]["probability"] = 0.999
    manifest.write_text(json.dumps(changed))
    assert model.read_text().count(before) == 1
    model.write_text(model.read_text().replace(before, sha256(manifest.read_bytes()).hexdigest()))
    for force in ([], ["--force"]):
        done = run_cli("promote", second, *force, home=home)
        assert done.returncode == 1
        assert (
            f"no service would serve {second}: the model's forecasts differ from those at training"
            in done.stderr
        )
        assert latest(home) == first


@pytest.mark.slow("many runs of the command")
def test_a_pair_that_was_worse_is_promoted_by_force_only_and_the_history_says_so(
    store: tuple[Path, str, str], log: Path, tmp_path: Path
) -> None:
    home, first, second = store
    judged = ("--log", log, "--outcomes", came(tmp_path, pair.PAIR))
    done = run_cli("promote", second, *judged, home=home)
    assert done.returncode == 1, done.stdout
    assert "is not promoted: its gain in Brier score is -" in done.stderr
    assert latest(home) == first
    forced = run_cli("promote", second, *judged, "--force", "--json", home=home)
    assert forced.returncode == 0, forced.stderr
    assert "promoted by --force, although its gain in Brier score is -" in forced.stderr
    assert latest(home) == second
    history = json.loads(run_cli("models", "--json", home=home).stdout)["history"]
    assert history[-1]["forced"] == json.loads(forced.stdout)["forced"] != ""


def test_a_pair_that_was_better_passes_the_gate(
    store: tuple[Path, str, str], log: Path, tmp_path: Path
) -> None:
    home, _, second = store
    done = run_cli("promote", second, "--log", log, "--outcomes", came(tmp_path, HIGHER), home=home)
    assert done.returncode == 0, done.stderr
    assert "promote: the challenger's gain in Brier score is +" in done.stderr
    assert latest(home) == second


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["promote", "0123"], "the model store has no weather-classifier:0123"),
        (["promote", "weather-scaler:abc"], "is not a classifier"),
        (["promote", "SECOND", "--log", "LOG"], "give --log and --outcomes together"),
        (["compare", "--log", "LOG"], "has a challenger's answer: serve with WEATHER_CHALLENGER"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(
    arguments: list[str], complaint: str, two: tuple[Path, str, str], log: Path
) -> None:
    names = {"SECOND": two[2], "LOG": str(log)}
    done = run_cli(*(names.get(word, word) for word in arguments), home=two[0])
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert latest(two[0]) == two[1]


@pytest.mark.slow("many runs of the command")
def test_two_models_of_the_store_are_compared_on_a_log(
    two: tuple[Path, str, str], log: Path, tmp_path: Path
) -> None:
    home, first, second = two
    pairs = ("compare", "--log", log, "--challenger", second)
    report = tmp_path / "new" / "report.md"
    done = run_cli(*pairs, "--outcomes", came(tmp_path, HIGHER), "--out", report, "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["served"], found["challenger"], found["verdict"]) == (first, second, "promote")
    assert (found["days"], found["hours"]) == (20, HOURS)
    assert found["gain"]["brier"]["low"] > 0
    text = report.read_text()
    assert "**Promote: the challenger's gain in Brier score is +" in text
    assert all(len(line) <= 110 for line in text.splitlines() if not line.startswith("|"))
    without = run_cli(*pairs, home=home)
    assert without.returncode == 0, without.stderr
    assert "No verdict without outcomes" in without.stdout
    assert "no verdict without outcomes" in without.stderr
