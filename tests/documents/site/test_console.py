"""Of a session in a terminal, only whole commands are copied."""

from __future__ import annotations

import pytest
from pygments.token import Generic

from docs.site.console import Console


def parts(text: str) -> tuple[str, str]:
    """What is a command, and what is output."""
    tokens = list(Console().get_tokens_unprocessed(text))
    assert "".join(part for _, _, part in tokens) == text
    assert all(text[at : at + len(part)] == part for at, _, part in tokens)
    output = "".join(part for _, kind, part in tokens if kind is Generic.Output)
    command = "".join(part for _, kind, part in tokens if kind not in (Generic.Output, Generic.Prompt))
    return command, output


@pytest.mark.parametrize(
    ("text", "command", "output"),
    [
        ("$ make serve\nready\n", "make serve\n", "ready\n"),
        ("$ a \\\n  --b\nout\n", "a \\\n  --b\n", "out\n"),
        ("$ curl -d '{\n  \"a\": 1 }'\n{}\n", "curl -d '{\n  \"a\": 1 }'\n", "{}\n"),
        ("$ one\n$ two\nout\n", "one\ntwo\n", "out\n"),
        ("out only\n", "", "out only\n"),
        ("$ never 'closed\n", "never 'closed\n", ""),
    ],
)
def test_commands_and_output(text: str, command: str, output: str) -> None:
    assert parts(text) == (command, output)
