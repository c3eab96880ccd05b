"""The commands of docs/stations.md do what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from loadtest.serving import PROJECT
from stations.demo.processes import running
from stations.mqtt.mapping import read
from stations.settings import Settings, table

DOCUMENT = (PROJECT / "docs" / "stations.md").read_text()
SHOWN = "http://127.0.0.1:3100"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def shape(value: Any) -> Any:
    """Keys and kinds, without values."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def test_every_curl_command_is_answered(url: str, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/stations.db"
    outputs = []
    with running(database, url, env={"STATIONS_WAIT_SECONDS": "30"}) as service:
        for block in blocks("sh"):
            commands = [line for line in block.replace("\\\n", " ").splitlines() if line.startswith("curl ")]
            if "'{\n" in block:  # a body of several lines
                commands = [block]
            for command in commands:
                text = command.replace(SHOWN, service.url).replace("3100", service.url.rpartition(":")[2])
                done = subprocess.run(
                    ["bash", "-ec", text],
                    cwd=tmp_path,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
                assert done.returncode == 0, (text, done.stdout, done.stderr)
                outputs.append(done.stdout)
    (shown,) = blocks("json")
    answered = json.loads(outputs[0])
    assert shape(answered) == shape(json.loads(shown))
    assert "assumed" in outputs[1]
    assert (tmp_path / "mine.csv").read_text().startswith("Timestamp,Location,")
    assert len(outputs) == 4


def test_every_make_target_exists_and_the_mapping_is_one(tmp_path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for block in blocks("sh"):
        for line in block.splitlines():
            if line.startswith("make "):
                words = shlex.split(line.partition("#")[0])[1:]
                assert {word for word in words if "=" not in word} <= targets, line
    (text,) = blocks("toml")
    (tmp_path / "mapping.toml").write_text(text)
    assert len(read(tmp_path / "mapping.toml")) == 1


def test_the_table_of_settings_is_made_from_the_code() -> None:
    assert table() in (PROJECT / "docs" / "settings.md").read_text()
    assert all(field.description for field in Settings.model_fields.values())
