"""The files that a fork consists of: live files of this project, and those in ``fork/overlay``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
OVERLAY = Path(__file__).parent / "overlay"
TEMPLATE = ".fork"
"""Files of the overlay with this ending are templates; the others are copied, with the fork's names."""

COPIED = (
    ".editorconfig",
    ".gitignore",
    ".pre-commit-config.yaml",
    "LICENSE",
    "bentofile.yaml",
    "service.py",
    "requirements/grpc.lock",
    "requirements/import.lock",
    "requirements/serving.lock",
    "weather/__init__.py",
    "weather/contract",
    "weather/model",
    "weather/importing",
    "weather/telemetry",
    "weather/http",
    "weather/pages",
    "weather/open_inference",
    "weather/serving",
    "weather/commands/__init__.py",
    "weather/commands/importing.py",
    "weather/commands/models.py",
    "weather/commands/output.py",
    "weather/commands/parsers.py",
    "loadtest/__init__.py",
    "loadtest/bad_clients.py",
    "loadtest/harness.py",
    "loadtest/locustfile.py",
    "loadtest/progress.py",
    "loadtest/requests.py",
    "loadtest/run.py",
    "loadtest/serving.py",
    "loadtest/stations.py",
    "loadtest/verdict.py",
    "loadtest/shapes",
    "loadtest/thresholds.toml",
    "deploy/image/Dockerfile.j2",
    "tests/__init__.py",
    "tests/conftest.py",
    "tests/old_system.py",
    "tests/processes.py",
    "tests/waiting.py",
    "tests/test_checks.py",
    "tests/test_processes.py",
    "tests/contract/__init__.py",
    "tests/contract/test_optional.py",
    "tests/contract/test_variables.py",
    "tests/end_to_end/__init__.py",
    "tests/end_to_end/test_inference.py",
    "tests/end_to_end/test_service.py",
    "tests/fixtures/__init__.py",
    "tests/fixtures/contract.py",
    "tests/fixtures/pair.py",
    "tests/http/__init__.py",
    "tests/http/test_admission.py",
    "tests/http/test_api_keys.py",
    "tests/http/test_body_limits.py",
    "tests/http/test_compression.py",
    "tests/http/test_deadline.py",
    "tests/http/test_limits.py",
    "tests/loadtest/__init__.py",
    "tests/loadtest/test_requests.py",
    "tests/model",
    "tests/pages/__init__.py",
    "tests/pages/test_assets.py",
    "tests/pages/test_routes.py",
    "tests/pages/test_served_model.py",
    "tests/serving/__init__.py",
    "tests/serving/conftest.py",
    "tests/serving/store.py",
    "tests/serving/test_app.py",
    "tests/serving/test_bulk.py",
    "tests/serving/test_bulk_parsing.py",
    "tests/serving/test_direct.py",
    "tests/serving/test_queue.py",
    "tests/serving/test_traffic.py",
    "tests/serving/test_workers.py",
    "tests/telemetry/__init__.py",
    "tests/telemetry/test_metrics.py",
    "tests/telemetry/test_request_id.py",
)

REPLACED = (
    "weather/contract/fields.py",
    "weather/contract/version.py",
    "weather/importing/reading/vocabulary.py",
    "weather/pages/static/icon.svg",
)
"""Files in the copied folders that the overlay replaces."""

UNTRACKED = ("__pycache__", "mutants")


def copied() -> Iterator[Path]:
    """The paths of the live files, relative to the project.

    Raises:
        FileNotFoundError: a file or folder of the lists above is missing.
    """
    for entry in (*COPIED, *REPLACED):
        if not (PROJECT / entry).exists():
            raise FileNotFoundError(f"fork/files.py names {entry}, which does not exist")
    for entry in COPIED:
        path = PROJECT / entry
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = file.relative_to(PROJECT)
            if file.is_file() and not set(UNTRACKED) & set(name.parts) and str(name) not in REPLACED:
                yield name


def overlaid() -> Iterator[Path]:
    """The paths of the overlay's files, relative to it."""
    for file in sorted(OVERLAY.rglob("*")):
        if file.is_file() and not set(UNTRACKED) & set(file.parts):
            yield file.relative_to(OVERLAY)
