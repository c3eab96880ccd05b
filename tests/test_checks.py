"""The checks before a commit are those of ``make check``."""

from __future__ import annotations

import re
import subprocess
import sys

import yaml

from loadtest.serving import PROJECT

CONFIGURATION = PROJECT / ".pre-commit-config.yaml"


def test_the_hooks_are_well_formed() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(CONFIGURATION)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hooks_run_what_make_check_runs() -> None:
    (repository,) = yaml.safe_load(CONFIGURATION.read_text())["repos"]
    hooks = [hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]]
    recipe = re.findall(r"^check:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.MULTILINE)[0]
    commands = re.findall(r"\$\(BIN\)/(.*)", recipe)
    # pre-commit gives ruff the files that changed, in the place of the whole tree.
    assert [command.removesuffix(" .") for command in commands] == [
        hook.replace(" --force-exclude", "") for hook in hooks
    ]
