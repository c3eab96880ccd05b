"""What has drifted is named, and nothing else: of a real log, and of numbers made for it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from scipy.stats import ks_2samp  # type: ignore[import-untyped]

from loadtest.run import logging_to
from loadtest.serving import served
from tests.conftest import run_cli
from weather.contract.manifest import Manifest
from weather.contract.variables import FEATURES
from weather.reports.drift import boundaries, kolmogorov_smirnov, psi, shift
from weather.training import observations


@pytest.fixture(scope="module")
def samples(committed_manifest: Manifest) -> observations.Samples:
    return observations.samples(observations.new_york_2013(), committed_manifest.horizon_hours)


@pytest.fixture(scope="module")
def held_out(samples: observations.Samples, committed_manifest: Manifest) -> observations.Samples:
    return samples.where(samples.fold == committed_manifest.split["test_fold"])


@pytest.fixture(scope="module")
def logs(
    committed_home: Path, held_out: observations.Samples, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A service's log of held-out rows as they are, and that of the same, 8 °C warmer."""
    folder = tmp_path_factory.mktemp("monitoring")
    warmer = held_out.x.copy()
    warmer[:, FEATURES.index("temp_c")] += 8
    with served(committed_home, env=logging_to(folder)) as url:
        for rows in (held_out.x, warmer):
            records = [dict(zip(FEATURES, map(float, row), strict=True)) for row in rows]
            answer = httpx.post(f"{url}/predict_batch", json={"observations": records})
            answer.raise_for_status()
    (file,) = folder.rglob("data*.log")
    lines = file.read_text().splitlines(keepends=True)
    parts = folder / "as-it-was.log", folder / "warmer.log"
    for part, number in zip(parts, range(2), strict=True):
        part.write_text("".join(lines[number * len(held_out) : (number + 1) * len(held_out)]))
    return parts


def test_held_out_rows_have_not_drifted_and_the_report_counts_bad_lines(
    logs: tuple[Path, Path], held_out: observations.Samples, tmp_path: Path
) -> None:
    bad = tmp_path / "data.bad.log"
    bad.write_text('{"temp_c": 1\nnot json\n[]\n{"temp_c": "warm"}\n')
    outcomes = tmp_path / "outcomes.csv"
    table = np.column_stack([held_out.x, held_out.y])
    np.savetxt(outcomes, table, delimiter=",", header=",".join((*FEATURES, "rain")), comments="", fmt="%.8g")
    report = tmp_path / "not" / "there" / "report.md"
    done = run_cli(
        "drift", "--log", logs[0], bad, "--outcomes", outcomes, "--out", report, "--json", "--fail-on-drift"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["drifted"] == []
    assert found["malformed"] == 4
    assert found["calibration"]["joined"] > 0.9 * len(held_out)
    assert found["calibration"]["brier"] < found["calibration"]["brier_climatology"]
    text = report.read_text()
    assert "Drifted: none" in text
    assert "4 malformed" in text
    for picture in ("report-distributions.png", "report-reliability.png"):
        assert picture in text
        assert report.with_name(picture).read_bytes().startswith(b"\x89PNG")


def test_a_shifted_feature_is_the_one_that_is_named_and_without_out_stdout_has_the_result(
    logs: tuple[Path, Path],
) -> None:
    done = run_cli("drift", "--log", logs[1], "--fail-on-drift")
    assert done.returncode == 3, done.stderr
    assert [name for name in json.loads(done.stdout)["drifted"] if name in FEATURES] == ["temp_c"]


def test_rounding_is_no_drift_and_a_shift_is(
    samples: observations.Samples, held_out: observations.Samples
) -> None:
    for number, name in enumerate(FEATURES):
        then, now = samples.x[:, number], held_out.x[:, number]
        for digits in (1, 2, 3):
            if np.unique(now.round(digits)).size > 0.5 * np.unique(now).size:
                assert not shift(name, then, now.round(digits)).drifted, (name, digits)
        assert shift(name, then, now + max(0.7 * then.std(), 0.6)).drifted, name


def test_the_distance_is_scipys_where_no_value_is_shared() -> None:
    random = np.random.default_rng(3)
    for size in (100, 3000):
        then, now = random.normal(size=5000), random.normal(0.1, 1.1, size)
        d, p = kolmogorov_smirnov(then, now)
        theirs = ks_2samp(then, now, method="asymp")
        assert d == pytest.approx(theirs.statistic, abs=1 / 5000 + 1 / size)
        assert p == pytest.approx(theirs.pvalue, rel=0.5, abs=1e-6)


def test_psi_of_two_known_distributions() -> None:
    then = np.repeat([0.0, 1.0], [80, 20])
    now = np.repeat([0.0, 1.0], [60, 40])
    expected = (0.6 - 0.8) * np.log(0.6 / 0.8) + (0.4 - 0.2) * np.log(0.4 / 0.2)
    assert psi(then, now) == pytest.approx(expected)
    assert psi(then, then) == 0


def test_boundaries_lie_between_values() -> None:
    assert boundaries(np.array([3.0, 1.0, 1.0, 2.0])).tolist() == [1.5, 2.5, 3.5]
    assert boundaries(np.array([4.0, 4.0])).tolist() == [4.5]
