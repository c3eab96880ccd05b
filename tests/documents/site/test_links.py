"""Links of documents on the site, where they have other addresses."""

from __future__ import annotations

import json

import pytest

from docs.site.links import BadLink, Links

PAGES = {
    "docs/README.md": "index.md",
    "docs/clients.md": "clients.md",
    "docs/decisions/0001-batching-in-one-process.md": "decisions/0001-batching-in-one-process.md",
    "CHANGELOG.md": "changelog.md",
}


def links(path: str = "docs/clients.md") -> Links:
    return Links(path, PAGES)


def test_a_link_to_another_document_leads_to_its_page() -> None:
    assert links().markdown("[index](README.md), [what](../CHANGELOG.md#added)") == (
        "[index](index.md), [what](changelog.md#added)"
    )


def test_a_link_is_relative_to_the_page_that_has_it() -> None:
    record = links("docs/decisions/0001-batching-in-one-process.md")
    assert record.markdown("[a](../clients.md) [b](../../CHANGELOG.md)") == (
        "[a](../clients.md) [b](../changelog.md)"
    )
    assert links("CHANGELOG.md").markdown("[a](docs/clients.md)") == "[a](clients.md)"


def test_a_link_with_the_name_of_the_document_shows_its_title() -> None:
    text = "[clients.md](clients.md#retries) and [other words](clients.md)"
    assert links().markdown(text) == "[](clients.md#retries) and [other words](clients.md)"


def test_a_file_that_is_linked_or_shown_comes_along() -> None:
    found = links()
    text = "[rules](../deploy/observability/rules.yml) ![a chart](bench.svg)"
    assert found.markdown(text) == (
        "[rules](files/deploy/observability/rules.yml) ![a chart](files/docs/bench.svg)"
    )
    assert found.files == {"deploy/observability/rules.yml", "docs/bench.svg"}


def test_other_hosts_anchors_and_code_stay() -> None:
    text = "[a](https://example.org/x.md) [b](#here) `[c](nowhere.md)`\n```sh\n[d](nowhere.md)\n```\n"
    assert links().markdown(text) == text


@pytest.mark.parametrize("target", ["nowhere.md", "decisions", "../nowhere/"])
def test_a_link_to_nothing_or_to_a_folder_is_refused_with_its_document(target: str) -> None:
    with pytest.raises(BadLink, match=rf"^docs/clients\.md links to {target}, which is neither"):
        links().markdown(f"[x]({target})")


def test_a_picture_for_each_colour_scheme_becomes_one_for_each() -> None:
    text = (
        '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="page-dark.png">\n'
        '  <img alt="The page" src="page.png">\n</picture>\n'
    )
    assert links().markdown(text) == (
        "![The page](files/docs/page.png){.only-light} ![The page](files/docs/page-dark.png){.only-dark}\n"
    )


def test_links_in_the_text_of_a_notebook_are_rewritten_and_its_code_is_not() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["See [the\n", "index](README.md)."]},
        {"cell_type": "code", "source": ["'[x](README.md)'"]},
    ]
    written = json.loads(links().notebook(json.dumps({"cells": cells, "metadata": {}})))
    assert written["cells"][0]["source"] == "See [the\nindex](index.md)."
    assert written["cells"][1] == cells[1]
    assert written["metadata"] == {}
