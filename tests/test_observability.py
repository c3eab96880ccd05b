"""The rules name what the service exports, and alert when they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import httpx
import pytest
import yaml

from loadtest.serving import PROJECT
from tests.conftest import EXAMPLE

FOLDER = PROJECT / "deploy" / "observability"
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yml").read_text())
ALL = [rule for group in RULES["groups"] for rule in group["rules"]]


def test_every_metric_in_a_rule_is_exported_or_recorded(client: httpx.Client) -> None:
    assert client.post("/predict", json=EXAMPLE).status_code == 200
    known = set(re.findall(r"^(\w+)[ {]", client.get("/metrics").text, re.MULTILINE))
    known |= {rule["record"] for rule in ALL if "record" in rule} | {"up"}
    for rule in ALL:
        named = set(re.findall(r"\b(?:bentoml_service|rain_forecast)[_:][\w:]+|\bup\b", rule["expr"]))
        assert named, rule
        assert named <= known, rule


def test_every_alert_is_explained() -> None:
    text = (PROJECT / "docs" / "observability.md").read_text()
    for rule in ALL:
        assert f"`{rule.get('alert', rule.get('record'))}`" in text


@pytest.mark.parametrize(
    "command", [("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")]
)
def test_promtool_is_content(command: tuple[str, ...]) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
