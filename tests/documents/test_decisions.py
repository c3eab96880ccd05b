"""docs/decisions/: every record has the same form, and the index lists them all."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from loadtest.serving import PROJECT

INDEX = (PROJECT / "docs" / "decisions.md").read_text()
RECORDS = sorted((PROJECT / "docs" / "decisions").iterdir())
SECTIONS = ["Context", "Decision", "Consequences", "Measurements", "Alternatives rejected"]


def title(record: Path) -> str:
    return record.read_text().partition("\n")[0]


def test_the_index_lists_every_record_with_its_title_and_date() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\(decisions/(.+?)\) \| (.+) \| (\S+) \|$", INDEX, re.MULTILINE)
    found = []
    for record in RECORDS:
        number, _, name = title(record).removeprefix("# ").partition(": ")
        (day,) = re.findall(r"^- Date: (\S+)$", record.read_text(), re.MULTILINE)
        found.append((number, record.name, name, day))
    assert listed == found


def test_the_numbers_have_no_gap() -> None:
    assert [record.name[:4] for record in RECORDS] == [f"{n:04}" for n in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_record_has_number_date_status_and_every_section(record: Path) -> None:
    text = record.read_text()
    assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", record.name)
    assert title(record).startswith(f"# {record.name[:4]}: ")
    (day,) = re.findall(r"^- Date: (\S+)$", text, re.MULTILINE)
    assert date.fromisoformat(day)
    (status,) = re.findall(r"^- Status: (.+)$", text, re.MULTILINE)
    superseded = re.fullmatch(r"superseded by \[(\d{4})\]\(\1-.+\)", status)
    assert status == "accepted" or superseded
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    assert parts[1::2] == SECTIONS
    assert all(part.strip() for part in parts[2::2])
