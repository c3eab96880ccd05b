"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

from loadtest.serving import PROJECT
from loadtest.tables import excerpt
from tests.documents.runner import Document
from weather.contract.variables import BINARY, FEATURES, LIMITS, MAX_ROWS, UNITS
from weather.http.limits import MAX_BUFFERED_BYTES, MAX_HEADER_BYTES, MAX_IN_FLIGHT
from weather.open_inference.grpc_server import MAX_MESSAGE_BYTES, MAX_RECEIVING, MAX_STREAMS

README = (PROJECT / "README.md").read_text()


def test_every_block_does_what_it_shows(committed_url: str, committed_home: Path, tmp_path: Path) -> None:
    Document(PROJECT / "README.md", tmp_path, committed_home, committed_url).run()


def test_the_field_table_is_the_contract() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| .* \| (\S+) (…|or) (\S+) \|$", README, re.MULTILINE)
    assert [row[0] for row in rows] == list(FEATURES)
    for name, unit, low, to, high in rows:
        assert unit == UNITS[name]
        assert (float(low.replace("−", "-")), float(high)) == LIMITS[name]
        assert (to == "or") == (name in BINARY)


def test_the_operations_document_has_the_limits() -> None:
    operations = (PROJECT / "docs" / "operations.md").read_text()
    for path, limit in MAX_IN_FLIGHT.items():
        assert f"| `POST {path}` in flight, per worker | {limit} |" in operations
    assert f"{MAX_ROWS:,}" in operations
    assert f"{MAX_HEADER_BYTES // 1024} KiB" in operations
    assert f"{MAX_BUFFERED_BYTES // 2**20} MiB" in operations
    assert f"{MAX_MESSAGE_BYTES // 1000 + 1} KB, {MAX_RECEIVING}" in operations
    assert f"calls at once on a connection | {MAX_STREAMS} |" in operations


def test_the_measured_table_is_an_excerpt_of_the_full_one() -> None:
    def between_marks(text: str, command: str) -> str:
        return text.partition(f"<!-- {command} -->\n")[2].partition(f"\n<!-- end of {command} -->")[0]

    short = between_marks(README, "make bench")
    full = between_marks((PROJECT / "docs" / "performance.md").read_text(), "make bench: peers")
    table = [line for line in short.splitlines() if line.startswith("|")]
    header, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table)
    assert "**this service**" in [row[0] for row in rows]
    assert len(rows) > 3
    assert short == excerpt(full, [row[0] for row in rows], header)


def test_it_stays_short() -> None:
    assert len(README.splitlines()) < 150
