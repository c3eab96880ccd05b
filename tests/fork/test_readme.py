"""A fork's README shows the texts of any fields.toml as they are, and says what the service accepts."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from fork.creating import write_files
from fork.declaration import read
from fork.names import Names

FIELDS = """
title = "Churn, & <b>retention</b>"
summary = "A customer's contract in, whether it is cancelled out"
question = "Will the contract end"

[target]
positive = "Cancelled"
negative = "Stays"

[[fields]]
name = "calls"
label = "Calls"
description = "a|b, *c* and [d] `e` of the customer's _f_"
unit = "{calls} | month"
minimum = -1e-5
maximum = 300
example = 20.5

[[fields]]
name = "self"
label = "Self"
description = "self service"
kind = "flag"
example = 1
"""


@pytest.fixture
def readme(tmp_path: Path) -> str:
    fields = tmp_path / "fields.toml"
    fields.write_text(FIELDS)
    write_files(tmp_path / "fork", Names("churn_risk"), read(fields), None)
    return (tmp_path / "fork" / "README.md").read_text()


def test_no_character_of_a_text_is_markup(readme: str) -> None:
    (row,) = [line for line in readme.splitlines() if line.startswith("| `calls`")]
    assert not re.search(r"[<*_[`]", row.removeprefix("| `calls` "))
    _, unit, description, accepted = row.strip("| ").split(" | ")
    assert unescape(unit) == "{calls} | month"
    assert unescape(description) == "a|b, *c* and [d] `e` of the customer's _f_"
    assert accepted == "-1e-05 … 300"
    assert readme.startswith("# Churn, &#38; &#60;b>retention&#60;/b>\n")


def test_a_flag_is_0_or_1(readme: str) -> None:
    assert "| `self` | 1 | self service | 0 or 1 |" in readme


def test_the_summary_ends_before_the_next_sentence(readme: str) -> None:
    assert "whether it is cancelled out. A prediction service on BentoML." in readme
