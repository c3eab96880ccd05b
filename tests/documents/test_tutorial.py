"""docs/tutorial.ipynb: each cell can be run, and its committed output is what it prints."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from loadtest.serving import PROJECT
from tests.documents.notebook import code_cells, executed, read
from tests.documents.runner import comparable
from tests.documents.test_links import LINK
from tests.processes import SESSION, VARIABLE, kill_all, running
from tests.waiting import until

PICTURES = ("image/png", "image/svg+xml")
"""Not compared: their bytes depend on the fonts of the machine."""


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Of a kernel whose files are all in one folder, which is empty in the end but for Jupyter's own."""
    mark = f"{SESSION}-notebook-{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        jupyter = {variable: str(folder / variable) for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
        try:
            yield {**os.environ, **jupyter, "TMPDIR": str(folder / "tmp"), VARIABLE: mark}
        finally:
            kill_all(mark)


def outputs(notebook: NotebookNode) -> list[list[dict[str, str]]]:
    """For each cell of Python its outputs, by media type, as far as they are the same on all machines."""
    return [[texts(output) for output in cell.outputs] for cell in code_cells(notebook)]


def texts(output: NotebookNode) -> dict[str, str]:
    """Of one output; a picture is there, or it is not."""
    by_type: dict[str, Any] = output.get("data") or {output.name: output.text}
    return {kind: "" if kind in PICTURES else comparable(str(text)) for kind, text in by_type.items()}


@pytest.mark.slow("trains two models and serves both")
def test_every_cell_prints_what_is_committed(environment: dict[str, str]) -> None:
    committed = read()
    assert outputs(executed(read(), environment)) == outputs(committed)
    until(lambda: not running(environment[VARIABLE]))  # else the service runs on
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


def test_the_outputs_have_pictures_and_neither_warnings_nor_names_of_this_machine() -> None:
    kinds = [kind for cell in outputs(read()) for output in cell for kind in output]
    assert set(PICTURES) < set(kinds)
    assert "stderr" not in kinds
    text = json.dumps(outputs(read()))
    for path in (str(PROJECT), str(Path.home()), tempfile.gettempdir()):
        assert f"{path}/" not in text


def test_every_link_leads_somewhere() -> None:
    texts = [cell.source for cell in read().cells if cell.cell_type == "markdown"]
    targets = [target for text in texts for target in LINK.findall(text)]
    assert "first-model.md" in targets
    for target in targets:
        assert (PROJECT / "docs" / target).exists(), target


def test_no_service_outlives_a_cell_that_fails(environment: dict[str, str], pair_folder: Path) -> None:
    cells = list(code_cells(read()))

    def cell(part: str) -> NotebookNode:
        (found,) = (cell for cell in cells if part in cell.source)
        return found

    notebook = read()
    notebook.cells = [
        cell("def command("),
        new_code_cell(f"shutil.copytree({str(pair_folder)!r}, 'first')"),
        cell("import --scaler"),
        cell("def serve("),
        new_code_cell("1 / 0"),
    ]
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        executed(notebook, environment)
    assert notebook.cells[3].outputs[0].data["text/plain"] == "200", "it was served"
    until(lambda: not running(environment[VARIABLE]))
