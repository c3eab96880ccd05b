from __future__ import annotations

import pytest

from weather.training.words import counted, listed, share, thousands, wrapped


def test_counts_have_a_plural_and_thousands() -> None:
    assert [counted(n, "row") for n in (0, 1, 2, 2729)] == ["0 rows", "1 row", "2 rows", "2,729 rows"]
    assert thousands(1_000_000) == "1,000,000"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0 %"),
        (0.0004, "below 0.1 %"),
        (0.018, "1.8 %"),
        (0.336, "34 %"),
        (0.914, "91.4 %"),
        (0.9995, "above 99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares(fraction: float, text: str) -> None:
    assert share(fraction) == text


def test_lists() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_paragraphs_and_items_are_filled_and_tables_are_not() -> None:
    word = "rain " * 30
    table = "| " + word + "|"
    text = wrapped(f"# Title\n\n{word}\nand more\n\n- {word}\n- one\n\n{table}\n")
    title, paragraph, items, kept = text.split("\n\n")
    assert title == "# Title"
    assert all(len(line) <= 110 for line in (*paragraph.splitlines(), *items.splitlines()))
    assert paragraph.split() == [*word.split(), "and", "more"]
    assert [line[:2] for line in items.splitlines()] == ["- ", "  ", "- "]
    assert kept == table + "\n"
