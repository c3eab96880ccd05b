"""deploy/compose.yaml and HAProxy's configuration agree with the service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import httpx
import pytest
import yaml

from loadtest.serving import PROJECT
from weather.http.limits import MAX_IN_FLIGHT, REQUEST_TIMEOUT_SECONDS

HAPROXY = (PROJECT / "deploy" / "compose" / "haproxy.cfg").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text())
RAIN = COMPOSE["services"]["rain"]
LAME_DUCK_SECONDS = 5


def milliseconds(setting: str) -> float:
    found = re.search(rf"^\s*(?:default-server .*)?{setting} (\d+)(ms|s)\b", HAPROXY, re.MULTILINE)
    assert found, setting
    return float(found[1]) * (1 if found[2] == "ms" else 1000)


def test_the_balancer_gives_a_replica_what_it_admits() -> None:
    assert f" maxconn {MAX_IN_FLIGHT['/predict']} " in HAPROXY


def test_the_balancer_waits_longer_than_the_service() -> None:
    assert milliseconds("timeout server") > 1000 * REQUEST_TIMEOUT_SECONDS


def test_a_draining_replica_is_noticed_within_its_lame_duck_period(client: httpx.Client) -> None:
    assert "http-check send meth GET uri /readyz" in HAPROXY
    assert client.get("/readyz").status_code == 200
    looks = re.search(r" fall (\d+) ", HAPROXY)
    assert looks
    assert milliseconds("check inter") * int(looks[1]) < 1000 * LAME_DUCK_SECONDS


def test_requests_are_repeated_only_when_there_was_no_answer() -> None:
    (policy,) = re.findall(r"^\s*retry-on (.*)$", HAPROXY, re.MULTILINE)
    assert set(policy.split()) == {"conn-failure", "empty-response"}


def test_a_replica_has_the_time_to_drain_and_finish() -> None:
    grace = int(RAIN["stop_grace_period"].removesuffix("s"))
    assert grace > LAME_DUCK_SECONDS + REQUEST_TIMEOUT_SECONDS
    bentofile = yaml.safe_load((PROJECT / "bentofile.yaml").read_text())
    assert {"name": "WEATHER_LAME_DUCK_SECONDS", "value": str(LAME_DUCK_SECONDS)} in bentofile["envs"]


def test_balancer_and_prometheus_look_for_the_replicas_where_they_are() -> None:
    (port,) = RAIN["expose"]
    prometheus = yaml.safe_load((PROJECT / "deploy" / "compose" / "prometheus.yml").read_text())
    (job,) = prometheus["scrape_configs"]
    assert job["dns_sd_configs"][0]["names"] == ["rain"]
    assert str(job["dns_sd_configs"][0]["port"]) == port
    replicas = (PROJECT / "deploy" / "compose" / "replicas.cfg").read_text()
    assert f" rain:{port} " in replicas


def test_replicas_have_no_more_rights_than_they_need() -> None:
    assert RAIN["read_only"] is True
    assert RAIN["cap_drop"] == ["ALL"]
    assert RAIN["restart"] == "always"
    for service in COMPOSE["services"].values():
        assert not service["image"].endswith(":latest")
        for published in service.get("ports", []):
            assert "127.0.0.1" in published


def test_every_mounted_file_exists() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (PROJECT / "deploy" / source).is_file()


def test_haproxy_accepts_its_configuration() -> None:
    if shutil.which("haproxy") is None:
        pytest.skip("haproxy is not installed")
    folder = PROJECT / "deploy" / "compose"
    done = subprocess.run(
        ["haproxy", "-c", "-f", folder / "haproxy.cfg", "-f", folder / "replicas.cfg"],
        env={**os.environ, "BALANCER_ADDRESS": "127.0.0.1:8080"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
