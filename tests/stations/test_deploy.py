"""What deploy/stations says agrees with the service, with the Kubernetes schemas, and with Prometheus."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml

from loadtest.serving import PROJECT
from stations import __main__ as service
from stations import metrics  # noqa: F401 - its names are looked up in the registry
from stations.pages.routes import SHARED_FILES
from stations.settings import Settings
from stations.verification.gauges import GAUGES
from weather.contract.version import VERSION

FOLDER = PROJECT / "deploy" / "stations"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())


def variables(text: str) -> set[str]:
    return {name.removeprefix("STATIONS_").lower() for name in re.findall(r"\bSTATIONS_[A-Z_]+\b", text)}


def test_every_setting_that_is_named_exists() -> None:
    known = set(Settings.model_fields) | {"image"}  # STATIONS_IMAGE is compose's
    for file in FOLDER.rglob("*"):
        if file.suffix in (".yaml", ".yml") or file.name == "Dockerfile":
            assert variables(file.read_text()) <= known, file


def test_the_image_has_what_the_page_shares() -> None:
    assert set(re.findall(r"weather/pages/static/([\w.]+)", DOCKERFILE)) == set(SHARED_FILES)
    bases = set(re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.M))
    bentofile = yaml.safe_load((PROJECT / "bentofile.yaml").read_text())
    assert bases == {bentofile["docker"]["base_image"]}


def test_containers_have_the_time_to_drain() -> None:
    (lame_duck,) = re.findall(r"STATIONS_LAME_DUCK_SECONDS=(\d+)", DOCKERFILE)
    needed = int(lame_duck) + service.GRACE_SECONDS
    assert int(COMPOSE["services"]["stations"]["stop_grace_period"].removesuffix("s")) > needed
    if shutil.which("kubectl"):
        pod = the("Deployment")["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > needed
        assert {"name": "STATIONS_LAME_DUCK_SECONDS", "value": lame_duck} in pod["containers"][0]["env"]
        probe = pod["containers"][0]["readinessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] <= int(lame_duck)


def test_versions_are_the_project_s() -> None:
    assert COMPOSE["services"]["stations"]["image"].endswith(f"rain-forecast-stations:{VERSION}}}")


def rendered() -> list[dict[str, Any]]:
    command = ["kubectl", "kustomize", str(FOLDER / "kubernetes")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert not done.stderr, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def the(kind: str) -> dict[str, Any]:
    (found,) = (document for document in rendered() if document["kind"] == kind)
    return found


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_manifests_fit_together() -> None:
    for document in rendered():
        kubernetes_validate.validate(document, "1.30", strict=True)
        assert document["metadata"]["namespace"] == "rain-forecast"
    deployment, exposed, claim = the("Deployment"), the("Service"), the("PersistentVolumeClaim")
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert exposed["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert pod["metadata"]["labels"]["rain-forecast-client"] == "true"
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert f"EXPOSE {container['ports'][0]['containerPort']}" in DOCKERFILE
    assert f"USER {pod['spec']['securityContext']['runAsUser']}:" in DOCKERFILE
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")
def test_the_alerts_are_right_in_a_real_prometheus() -> None:
    for command in (["test", "rules", "rules_test.yml"], ["check", "rules", "rules.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    check = ["promtool", "check", "config", "--syntax-only", "prometheus.yml"]
    subprocess.run(check, cwd=FOLDER, capture_output=True, timeout=300, check=True)


def test_the_alerts_ask_for_metrics_that_exist() -> None:
    from prometheus_client import REGISTRY

    exported = {family.name for family in REGISTRY.collect()} | {*GAUGES, "up"}
    rules = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"][0]["rules"]
    for rule in rules:
        asked = set(re.findall(r"\b(stations_\w+|up)\b(?=[ {\[])", rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= exported, rule["alert"]
