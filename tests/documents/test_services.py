"""A document whose reader starts a service says when to stop it: the next one needs its port."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.serving import PROJECT
from tests.documents.runner import SHOWN_URL, blocks
from tests.documents.test_links import FENCE, documents

SERVES = re.compile(r"\b(make serve|docker run)\b")
STOPS = re.compile(r"\bstop\b", re.IGNORECASE)


def unstopped(text: str) -> list[int]:
    """The lines of blocks that start a service while the one that was asked before still runs."""
    found = []
    asked = served = 0
    lines = text.splitlines()
    for block in blocks(text):
        if block.language == "sh" and SERVES.search(block.text):
            between = FENCE.sub("", "\n".join(lines[served : block.line - 2]))
            if served and asked > served and not STOPS.search(between):
                found.append(block.line)
            served = block.line
        elif SHOWN_URL in block.text:
            asked = block.line
    return found


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_second_service_is_started_after_the_first_was_stopped(document: Path) -> None:
    assert unstopped(document.read_text()) == []


SERVE = "```sh\nWEATHER_FOLLOW_LATEST=1 make serve\n```\n"
ASK = f"```console\n$ curl {SHOWN_URL}/readyz\n```\n"


def test_a_service_in_the_way_is_noticed() -> None:
    assert unstopped(f"{SERVE}{ASK}Once more.\n{SERVE}") == [9]
    assert unstopped(f"{SERVE}{ASK}Stop it.\n{SERVE}") == []
    assert unstopped(f"{SERVE}Or so:\n{SERVE}{ASK}") == []
