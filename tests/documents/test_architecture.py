"""docs/architecture.md agrees with the folders that exist and with import-linter's contracts."""

from __future__ import annotations

import re
import tomllib

from loadtest.serving import PROJECT

DOCUMENT = (PROJECT / "docs" / "architecture.md").read_text()
ROWS = re.findall(r"^\| `weather/(\w+)/` \| .+ \| (.+) \|$", DOCUMENT, re.MULTILINE)
FOLDERS = {path.parent.name for path in (PROJECT / "weather").glob("*/__init__.py")}
CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def test_the_table_has_each_folder_once() -> None:
    assert sorted(folder for folder, _ in ROWS) == sorted(FOLDERS)


def test_the_table_has_the_imports_that_the_contracts_allow() -> None:
    allowed: dict[str, set[str]] = {}
    for contract in CONTRACTS:
        if contract["type"] == "layers" and contract.get("containers") == ["weather"]:
            for number, folder in enumerate(contract["layers"]):
                allowed[folder] = set(contract["layers"][number + 1 :])
    stated = {folder: FOLDERS & set(re.findall(r"\w+", may_import)) for folder, may_import in ROWS}
    assert stated == allowed


def test_the_diagram_of_the_folders_has_no_other_names() -> None:
    diagram = re.findall(r"^```mermaid\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)[0]
    edges = [line for line in diagram.splitlines() if "-->" in line]
    names = set(re.findall(r"[\w.]+", " ".join(edges)))
    assert names == FOLDERS | {"service.py", "train_import.py"}


def test_no_document_lists_modules() -> None:
    """Lists of modules grow stale; the tree and the folders' docstrings are the list."""
    for path in (PROJECT / "README.md", PROJECT / "docs" / "architecture.md"):
        assert not re.findall(r"weather/\w+/\w+\.py", path.read_text()), path
