from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.tables import excerpt, markdown_table, publish


def test_a_table_has_a_header_a_rule_and_a_line_per_row() -> None:
    assert markdown_table(["a", "b"], [["1", "2"], ["3", "4"]]) == (
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"
    )


def test_publishing_replaces_what_is_between_the_marks_and_nothing_else(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("before\n<!-- make it -->\nold\n<!-- end of make it -->\nafter\n")
    for text in ("new", "newer\n"):
        publish(document, "make it", text)
    assert document.read_text() == "before\n<!-- make it -->\nnewer\n<!-- end of make it -->\nafter\n"


@pytest.mark.parametrize(
    "content",
    ["no marks\n", "<!-- make it -->\nold\n", "<!-- make it -->\n<!-- end of make it -->\n" * 2],
)
def test_a_document_without_exactly_one_pair_of_marks_is_left_alone(tmp_path: Path, content: str) -> None:
    document = tmp_path / "document.md"
    document.write_text(content)
    with pytest.raises(ValueError, match="exactly once"):
        publish(document, "make it", "new")
    assert document.read_text() == content


def test_an_excerpt_has_the_rows_and_columns_in_question_and_the_text_around_them() -> None:
    text = markdown_table(["a", "b", "c"], [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]])
    short = markdown_table(["a", "c"], [["4", "6"]])
    assert excerpt(f"{text}\n\nand a sentence", ["4", "none"], ["a", "c"]) == f"{short}\n\nand a sentence"
    with pytest.raises(ValueError, match="'d'"):
        excerpt(text, ["4"], ["a", "d"])
