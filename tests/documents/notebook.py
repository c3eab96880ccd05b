"""``make notebook``: runs docs/tutorial.ipynb and writes its outputs into it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from loadtest.serving import PROJECT

NOTEBOOK = PROJECT / "docs" / "tutorial.ipynb"
CELL_SECONDS = 600


def read() -> nbformat.NotebookNode:
    """The notebook as it is committed."""
    notebook: nbformat.NotebookNode = nbformat.read(NOTEBOOK, as_version=4)
    return notebook


def executed(
    notebook: nbformat.NotebookNode, environment: Mapping[str, str] = os.environ
) -> nbformat.NotebookNode:
    """The notebook with the outputs of this run, without addresses of objects in memory.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    # Sockets in a folder: of five ports that Jupyter chooses, one may be taken before the kernel has started.
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            startup_timeout=CELL_SECONDS,
            record_timing=False,
            resources={"metadata": {"path": str(NOTEBOOK.parent)}},
            config=Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"}),
        )
        client.execute(env=dict(environment))
    return settled(notebook)


def settled(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave out addresses of objects in memory, and join the pieces that a stream arrived in."""
    for cell in code_cells(notebook):
        outputs: list[Any] = []
        for output in cell.outputs:
            last = outputs[-1] if outputs else None
            if output.output_type == "stream" and last and last.get("name") == output.name:
                last.text += output.text
            else:
                outputs.append(output)
            if "text/plain" in output.get("data", {}):
                output.data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", output.data["text/plain"])
        cell.outputs = outputs
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Its cells of Python."""
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def main() -> None:
    """Run it, and write it."""
    nbformat.write(executed(read()), NOTEBOOK)


if __name__ == "__main__":
    main()
