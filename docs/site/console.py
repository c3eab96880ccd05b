"""Shell sessions with commands of several lines, so that the copy button copies whole commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from pygments.lexer import Lexer
from pygments.lexers.shell import BashLexer
from pygments.token import Generic, _TokenType

PROMPT = "$ "


def unfinished(command: str) -> bool:
    """Whether a shell would read another line: after an open quotation, or a backslash at the end."""
    try:
        shlex.split(command)
    except ValueError:
        return True
    return command.endswith("\\\n")


class Console(Lexer):  # type: ignore[misc]  # Pygments has no types
    """Commands begin with ``$`` and end where a shell would run them; the rest is output.

    Pygments' own lexer reads the second line of an open quotation as output.
    """

    name = "console"
    aliases = ("console",)

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        """Index, kind and text of each part."""
        at, command = 0, ""
        for line in text.splitlines(keepends=True):
            if not command and not line.startswith(PROMPT):
                yield at, Generic.Output, line
                at += len(line)
                continue
            if not command:
                yield at, Generic.Prompt, PROMPT
                at, line = at + len(PROMPT), line.removeprefix(PROMPT)
            command += line
            if not unfinished(command):
                yield from self.command(at, command)
                at, command = at + len(command), ""
        yield from self.command(at, command)

    def command(self, at: int, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        """The parts of one command."""
        for index, kind, part in BashLexer().get_tokens_unprocessed(text):
            yield at + index, kind, part
