"""What a command says and how it ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from loadtest.serving import PROJECT
from weather.commands import output

IMPORT_OF_NOTHING = [sys.executable, f"{PROJECT}/train_import.py", "import", "--scaler", "nowhere.pkl"]


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


def test_sigterm_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    """joblib ends its processes then, which otherwise went on computing for minutes."""
    before = signal.getsignal(signal.SIGTERM)
    assert output.run("x", lambda: os.kill(os.getpid(), signal.SIGTERM)) == 130
    assert capsys.readouterr().err == "x: interrupted\n"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("the scale of temp_c is not finite"), 1, "x: the scale of temp_c is not finite\n"),
        (PermissionError(13, "Permission denied", "out"), 1, "x: [Errno 13] Permission denied: 'out'\n"),
        (ModuleNotFoundError("no", name="pandas"), 1, "x: the package pandas is missing: "),
        (
            ModuleNotFoundError("no", name="pyarrow"),
            1,
            "x: the package pyarrow is missing: install requirements/scale",
        ),
        (KeyboardInterrupt(), 130, "x: interrupted\n"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output.run("x", raising(error)) == code
    printed = capsys.readouterr()
    assert printed.err.startswith(said)
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_what_only_we_can_mend_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        output.run("x", raising(ZeroDivisionError()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_compiled_code_turned_into_another_error_is_one(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ValueError("not a valid PEP 3118 buffer format string") from None

    # `make test &` has SIGINT ignored.
    before = signal.signal(number, signal.default_int_handler)
    try:
        assert output.run("x", command) == 130
        assert capsys.readouterr().err == "x: interrupted\n"
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_so(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert output.run("x", lambda: signal.raise_signal(signal.SIGINT)) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == ""


def test_a_commands_own_exit_code_is_kept_and_none_is_success() -> None:
    assert output.run("x", lambda: output.DRIFT) == 3
    assert output.run("x", lambda: None) == 0


def test_a_result_is_json_or_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_result({"a": 1}, "one", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    output.print_result({"a": 1}, "one", as_json=False)
    assert capsys.readouterr().out == "one\n"


def test_long_messages_and_those_with_brackets_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_message("[red]" + "a word " * 100)
    assert capsys.readouterr().err == "[red]" + "a word " * 100 + "\n"


def on_a_terminal(**variables: str) -> bytes:
    """What a person sees of a command that fails."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment.update(TERM="xterm-256color", **variables)
    code = subprocess.run(IMPORT_OF_NOTHING, stdout=theirs, stderr=theirs, env=environment, check=False)
    assert code.returncode == 1
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the end, as nobody has the terminal any more
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    return shown


def test_colour_is_for_terminals_whose_user_wants_it() -> None:
    red = b"\x1b[31m"
    assert red in on_a_terminal()
    assert red not in on_a_terminal(NO_COLOR="1")
    piped = subprocess.run(IMPORT_OF_NOTHING, capture_output=True, check=False)
    assert b"\x1b" not in piped.stdout + piped.stderr
    assert piped.stderr.startswith(b"train_import.py: nowhere.pkl can't be read")


def test_a_reader_that_went_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = (
        "import sys; from weather.commands import output; sys.exit(output.run('x', lambda: print('data')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
