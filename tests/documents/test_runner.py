"""What runs the documents: it notices what is wrong, and skips nothing."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click
import pytest

from tests.documents.runner import Document, commands, comparable, parts, sessions


def run(tmp_path: Path, text: str) -> Document:
    path, at = tmp_path / "document.md", tmp_path / "at"
    path.write_text(textwrap.dedent(text))
    at.mkdir()
    document = Document(path, at, home=tmp_path)
    document.run()
    return document


RIGHT = """
    ```console
    $ echo 'one
    two' | \\
      cat
    one
    two
    $ echo 7 >key.txt
    $ cat key.txt
    7
    ```

    ```python
    from pathlib import Path

    number = int(Path("key.txt").read_text())
    print(number)
    ```

    ```text
    7
    ```

    ```sh
    make test ARGS="-k one"   # some of them
    WEATHER_LAME_DUCK_SECONDS=5 .venv/bin/bentoml serve . --port 3001
    docker run --rm --publish 127.0.0.1:3000:3000 mine:1
    deploy/image/engine.sh make image IMAGE=mine:1
    deploy/image/engine.sh podman run --rm --publish 127.0.0.1:3000:3000 mine:1
    .venv/bin/python train_import.py train --data mine.csv \\
      --horizon 6
    ```
    """


PARTS = """
    Not a part.

    ```console
    $ mkdir -p reports
    ```

    ## The first

    ```python
    number = 7
    ```

    ## The second

    ```console
    $ true
    ```

    ## The third, of two words

    Continues [The first](#the-first).

    ```python
    print(number)
    ```

    ```text
    7
    ```
    """


def test_parts_are_run_alone_after_those_that_they_continue(tmp_path: Path) -> None:
    found = parts(textwrap.dedent(PARTS))
    assert [block.language for block in found["the-first"]] == ["console", "python"]
    assert found["the-third-of-two-words"] == [*found["the-first"], *found["the-third-of-two-words"][2:]]
    run(tmp_path, PARTS)


def test_a_step_continues_the_one_before() -> None:
    found = parts("## 1. One\n```sh\nmake\n```\n## 2. Two\n```sh\nmake help\n```\n## Read on\n")
    assert found["2-two"] == [*found["1-one"], *found["2-two"][1:]]
    assert found["read-on"] == []


def test_a_part_that_does_not_say_what_it_continues_fails(tmp_path: Path) -> None:
    with pytest.raises(NameError, match="number"):
        run(tmp_path, PARTS.replace("Continues", "After"))


def test_a_model_store_of_the_documents_own_is_used(tmp_path: Path) -> None:
    text = """
        ```sh
        export BENTOML_HOME="$PWD/mine/bentoml"
        ```

        ```console
        $ echo ${BENTOML_HOME#$PWD/}
        mine/bentoml
        ```
        """
    run(tmp_path, text)


def test_what_is_right_passes_and_leaves_its_names(tmp_path: Path) -> None:
    assert run(tmp_path, RIGHT).namespace["number"] == 7


@pytest.mark.parametrize(
    "wrong",
    [
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ echo one; false\none\n```\n",
        "```console\n$ mkdir reports\n```\n",
        "```console\n$ touch not-ignored\n```\n",
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```python\nprint('nobody shows this')\n```\n",
        "```text\nof nothing\n```\n",
        "```sh\nrm -r important\n```\n",
        "```sh\ndocker run --rm mine:1\n```\n",
        "```sh\ndeploy/image/engine.sh rm -r important\n```\n",
        "```rust\nfn main() {}\n```\n",
        "```\nno language\n```\n",
        "- indented\n\n  ```sh\n  make test\n  ```\n",
        "```console\n$ curl http://127.0.0.1:3000/\n```\n",
        "no block at all\n",
    ],
)
def test_what_is_wrong_or_unknown_fails(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(tmp_path, wrong)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("make no-such-target", "no-such-target"),
        (".venv/bin/bentoml serve --no-such-flag", "no-such-flag"),
        (".venv/bin/bentoml no-such-command", "no-such-command"),
        (".venv/bin/python train_import.py import --no-such-flag", "2"),
        ("docker compose -f deploy/no-such.yaml up", "no-such.yaml"),
        ("docker compose -f deploy/compose.yaml up --scale nobody=3", "nobody"),
        ("kubectl apply -k deploy/no-such-folder", "kustomization"),
        ("prometheus --config.file=no-such-file", "no-such-file"),
    ],
)
def test_a_command_that_would_not_work_fails(command: str, error: str, tmp_path: Path) -> None:
    errors = (AssertionError, OSError, KeyError, click.ClickException, SystemExit)
    with pytest.raises(errors, match=error):
        run(tmp_path, f"```sh\n{command}\n```\n")


def test_a_session_is_commands_with_what_they_print() -> None:
    assert list(sessions("$ a\nb\nc\n$ d\n")) == [("a", "b\nc\n"), ("d", "")]


def test_a_block_of_commands_may_have_comments_and_long_lines() -> None:
    assert list(commands("# only this\na \\\n  b\n\nc # why\n")) == ["a    b", "c # why"]


def test_what_differs_between_machines_is_not_compared() -> None:
    assert comparable("0.773699 x:0123456789abcdef  \n") == comparable("0.773701 x:fedcba9876543210")
    assert comparable("0.77") != comparable("0.78")
