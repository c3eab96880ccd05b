"""Each line of the table of what import accepts, corrects and rejects names tests that exist."""

from __future__ import annotations

import re

from loadtest.serving import PROJECT
from tests.producers.fixtures import CASES

TESTS = PROJECT / "tests" / "importing"


def test_each_line_is_backed_by_a_test() -> None:
    text = (PROJECT / "docs" / "bring-your-own-model.md").read_text()
    section = text.partition("### What is accepted, corrected and rejected")[2]
    table = section.partition("A model has at most")[0]
    lines = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("|")][2:]
    lines = [line for line in lines if not line[0].strip().startswith("**")]
    functions = {
        name
        for path in TESTS.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    named: set[str] = set()
    for brought, _, tests in lines:
        names = re.findall(r"`(\w+)`", tests)
        assert names, brought
        assert set(names) <= {*CASES, *functions}, brought
        named.update(names)
    told = {name for name in CASES if name not in named}
    assert told <= {"form_joblib_plain_named", "form_joblib_xz"}, "a case that the document does not tell"
