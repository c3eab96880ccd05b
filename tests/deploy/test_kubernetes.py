"""The manifests of deploy/kubernetes, rendered by kubectl's kustomize, agree with the Kubernetes schemas,
with each other, and with the service. No cluster: see docs/kubernetes.md for what that leaves open.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import jsonschema
import kubernetes_validate
import pytest
import yaml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.container.generate import BENTO_UID_GID

from deploy.observability import prometheus_rule
from loadtest.serving import PROJECT
from tests.conftest import EXAMPLE
from tests.deploy import custom_resources
from weather.http import api_keys
from weather.http.limits import ENDPOINTS, MAX_BUFFERED_BYTES, MAX_IN_FLIGHT, REQUEST_TIMEOUT_SECONDS
from weather.http.settings import Settings, read_settings
from weather.serving.configuration import configuration

Document = dict[str, Any]

TREE = PROJECT / "deploy" / "kubernetes"
IMAGE = (PROJECT / "deploy" / "image" / "Dockerfile.j2").read_text()
DOCS = (PROJECT / "docs" / "kubernetes.md").read_text()
ADAPTER = TREE / "prometheus-adapter" / "values.yaml"
OVERLAYS = ("overlays/production", "overlays/canary")
GATEWAY, MIRROR, KSERVE = "overlays/canary-weights", "overlays/canary-mirror", "overlays/kserve"
ROUTES = (GATEWAY, MIRROR)
ALL = ("base", *OVERLAYS, *ROUTES, KSERVE)

OLDEST = "1.30"
NEWEST = str(kubernetes_validate.latest_version()).removesuffix(".0")

NAMESPACE = "rain-forecast"
STOPPING_SECONDS = 2
"""What BentoML takes from the last answer to its end, as measured."""


pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl, which renders the manifests, is not installed"
)


@cache
def render(folder: str) -> tuple[Document, ...]:
    done = subprocess.run(
        ["kubectl", "kustomize", TREE / folder], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # kustomize warns of deprecated fields there
    return tuple(yaml.safe_load_all(done.stdout))


def every(kind: str, folder: str) -> list[Document]:
    return [document for document in render(folder) if document["kind"] == kind]


def the(kind: str, folder: str, name: str = "rain-forecast") -> Document:
    (found,) = (document for document in every(kind, folder) if document["metadata"]["name"] == name)
    return found


def deployment(overlay: str) -> Document:
    (found,) = every("Deployment", overlay)
    return found


def pod(overlay: str) -> Document:
    spec: Document = deployment(overlay)["spec"]["template"]["spec"]
    return spec


def container(overlay: str) -> Document:
    (only,) = pod(overlay)["containers"]
    found: Document = only
    return found


def pod_labels(overlay: str) -> dict[str, str]:
    labels: dict[str, str] = deployment(overlay)["spec"]["template"]["metadata"]["labels"]
    return labels


def variables(overlay: str) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(overlay)["env"]}


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def quantity(text: str) -> float:
    """A Kubernetes quantity in cores or bytes."""
    number, suffix = re.fullmatch(r"([\d.]+)(m|Mi|Gi)?", text).groups()  # type: ignore[union-attr]
    return float(number) * {None: 1, "m": 1e-3, "Mi": 2**20, "Gi": 2**30}[suffix]


def yaml_files() -> Iterator[Path]:
    yield from sorted(file for file in TREE.rglob("*.yaml") if file != ADAPTER)


# What is rendered, and that it is Kubernetes.


def test_every_file_is_listed_in_its_folders_kustomization() -> None:
    for folder in {file.parent for file in yaml_files()}:
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        listed = {entry for entry in kustomization.get("resources", []) if entry.endswith(".yaml")}
        for part in ("patches", "replacements"):
            listed |= {entry["path"] for entry in kustomization.get(part, [])}
        files = {file.name for file in folder.iterdir() if file.is_file()}
        assert files == {"kustomization.yaml", *listed}, folder


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("folder", ALL)
def test_every_document_fits_the_published_schema_of_its_kind(folder: str, version: str) -> None:
    assert render(folder)
    for document in render(folder):
        if document["kind"] in custom_resources.KINDS:
            custom_resources.validate(document)
        else:
            assert kubernetes_validate.validate(document, version, strict=True) == version


def changed(document: Document, path: str, value: object) -> Document:
    """A copy in which the field at ``path``, as in a JSON pointer, has another value."""
    copy: Document = json.loads(json.dumps(document))
    *parents, last = path.split("/")
    part: Any = copy
    for name in parents:
        part = part[int(name) if isinstance(part, list) else name]
    part[last] = value
    return copy


@pytest.mark.parametrize(
    ("kind", "folder", "path", "value"),
    [
        ("HTTPRoute", GATEWAY, "spec/rules/0/backendRefs/1/wieght", 10),
        ("HTTPRoute", GATEWAY, "spec/rules/0/backendRefs/1/weight", "10"),
        ("HTTPRoute", GATEWAY, "spec/rules/0/backendRefs/1/weight", -1),
        ("HTTPRoute", MIRROR, "spec/rules/0/filters/0/type", "Mirror"),
        ("HTTPRoute", MIRROR, "spec/rules/0/filters/0/requestMirror", {"backendRef": {"port": 80}}),
        ("InferenceService", KSERVE, "spec/predictor", {"container": []}),
        ("InferenceService", KSERVE, "spec/predictor/containers/0/image", 1),
        ("InferenceService", KSERVE, "spec/predictor/containers/0/enviroment", []),
        ("ServiceMonitor", "overlays/production", "spec/endpoints/0/interval", "often"),
        ("PodMonitor", KSERVE, "spec/podMetricsEndpoints/0/ports", "http"),
        ("PrometheusRule", "overlays/production", "spec/groups/0/rules/0/expression", "up"),
        ("PrometheusRule", "overlays/production", "spec/groups/0/rules/0/for", "soon"),
    ],
)
def test_the_published_schemas_refuse_what_a_cluster_would(
    kind: str, folder: str, path: str, value: object
) -> None:
    (document,) = every(kind, folder)
    with pytest.raises(jsonschema.ValidationError):
        custom_resources.validate(changed(document, path, value))


def test_the_validator_refuses_unknown_fields_and_wrong_types() -> None:
    for change in ({"replica": 3}, {"minReadySeconds": "soon"}):
        document = {**deployment("base"), "spec": {**deployment("base")["spec"], **change}}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(document, NEWEST, strict=True)


@pytest.mark.parametrize("folder", ALL)
def test_everything_lands_in_the_one_namespace_and_no_name_comes_twice(folder: str) -> None:
    namespace = f"{NAMESPACE}-kserve" if folder == KSERVE else NAMESPACE
    for document in render(folder):
        if document["kind"] == "Namespace":
            assert document["metadata"]["name"] == namespace
        else:
            assert document["metadata"]["namespace"] == namespace, document["kind"]
    names = [(document["kind"], document["metadata"]["name"]) for document in render(folder)]
    assert len(names) == len(set(names))


def test_the_canary_is_one_deployment_and_shares_no_object_with_production() -> None:
    """``kubectl delete -k overlays/canary`` must take nothing of production away."""
    (canary,) = render("overlays/canary")
    assert (canary["kind"], canary["metadata"]["name"]) == ("Deployment", "rain-forecast-canary")
    production = {(document["kind"], document["metadata"]["name"]) for document in render(GATEWAY)}
    assert ("Deployment", "rain-forecast-canary") not in production


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_have_a_tag_or_digest_and_not_latest(overlay: str) -> None:
    image = container(overlay)["image"]
    assert re.fullmatch(r"\S+/rain-forecast(:[\w.-]+|@sha256:[0-9a-f]{64})", image)
    assert not image.endswith(":latest")
    assert container("base")["image"] == "rain-forecast"


def test_the_canary_differs_from_production_in_name_track_number_and_image_only() -> None:
    def common(overlay: str) -> str:
        document = yaml.safe_dump(deployment(overlay))
        document = re.sub(r" *track: \w+\n|image: .*| *replicas: .*\n", "", document)
        return document.replace("rain-forecast-canary", "rain-forecast")

    assert common("overlays/canary") == common("overlays/production")


# The service and its image.


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_port_is_the_services_own_and_everything_refers_to_it_by_name(overlay: str) -> None:
    assert container(overlay)["ports"] == [{"name": "http", "containerPort": 3000}]
    assert BentoMLContainer.http.port.get() == 3000
    assert "BENTOML_PORT=3000" in IMAGE
    assert not {"PORT", "BENTOML_PORT", "BENTOML_HOST"} & variables(overlay).keys()
    for service in every("Service", GATEWAY):
        assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    for policy in every("NetworkPolicy", GATEWAY):
        for rule in policy["spec"]["ingress"]:
            assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_paths_that_the_service_answers(overlay: str, client: httpx.Client) -> None:
    paths = {}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        request = container(overlay)[probe]["httpGet"]
        assert request["port"] == "http"
        assert client.get(request["path"]).status_code == 200
        paths[probe] = request["path"]
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_user_is_the_images(overlay: str) -> None:
    context = pod(overlay)["securityContext"]
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == BENTO_UID_GID
    assert re.search(r"^USER \{\{ bento__uid_gid \}\}", IMAGE, re.MULTILINE)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_variable_is_one_that_somebody_reads(overlay: str) -> None:
    ours = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert variables(overlay).keys() <= ours | {"BENTOML_HOME", "ORT_DISABLE_TELEMETRY"}
    assert variables(overlay)["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_memory_is_written_to_and_bentomls_home_is_there(overlay: str) -> None:
    assert container(overlay)["securityContext"]["readOnlyRootFilesystem"]
    writable = {volume["name"] for volume in pod(overlay)["volumes"] if "emptyDir" in volume}
    mounts = {mount["name"]: mount for mount in container(overlay)["volumeMounts"]}
    assert [mounts[name]["mountPath"] for name in writable] == ["/tmp"]
    assert Path(variables(overlay)["BENTOML_HOME"]).is_relative_to("/tmp")
    assert f"BENTOML_HOME={variables(overlay)['BENTOML_HOME']}" in IMAGE
    assert all(mount.get("readOnly") for name, mount in mounts.items() if name not in writable)
    assert mounts.keys() == {volume["name"] for volume in pod(overlay)["volumes"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_stop_fits_into_the_grace_period(overlay: str) -> None:
    bentofile = yaml.safe_load((PROJECT / "bentofile.yaml").read_text())
    in_the_image = {variable["name"]: variable["value"] for variable in bentofile["envs"]}
    lame_duck = float(variables(overlay)["WEATHER_LAME_DUCK_SECONDS"])
    assert lame_duck == float(in_the_image["WEATHER_LAME_DUCK_SECONDS"])

    readiness = container(overlay)["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < lame_duck

    answer = REQUEST_TIMEOUT_SECONDS * 1.1  # weather/http/deadline.py: up to a tenth more
    grace = pod(overlay)["terminationGracePeriodSeconds"]
    assert lame_duck + answer + STOPPING_SECONDS < grace
    assert "lifecycle" not in container(overlay), "a preStop hook would wait a second time"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_slow_start_is_given_time_and_the_rollout_waits_longer_still(overlay: str) -> None:
    startup, liveness = container(overlay)["startupProbe"], container(overlay)["livenessProbe"]
    patience = startup["periodSeconds"] * startup["failureThreshold"]
    assert patience >= 60
    assert deployment(overlay)["spec"]["progressDeadlineSeconds"] > patience
    # A request of 10 s is not a hang.
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > REQUEST_TIMEOUT_SECONDS


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_resources_are_those_of_one_worker(overlay: str) -> None:
    resources = container(overlay)["resources"]
    requests, limits = resources["requests"], resources["limits"]
    assert configuration(read_settings())["workers"] == 1
    assert quantity(requests["cpu"]) == quantity(limits["cpu"]) == 1

    readme = (PROJECT / "README.md").read_text()
    titles, row = (
        line.split("|")
        for line in readme.splitlines()
        if line.startswith(("| server, one core |", "| **this service** |"))
    )
    under_load = float(dict(zip(titles, row, strict=True))[" MB "]) * 1e6
    (tmp,) = (volume["emptyDir"] for volume in pod(overlay)["volumes"] if "emptyDir" in volume)
    bulk = MAX_IN_FLIGHT["/predict_batch"] * 30e6  # weather/http/limits.py
    most = under_load + MAX_BUFFERED_BYTES + bulk
    assert most < quantity(requests["memory"])
    assert most + quantity(tmp["sizeLimit"]) < quantity(limits["memory"])


# Security.


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_of_the_restricted_profile_that_the_namespace_enforces(overlay: str) -> None:
    labels = the("Namespace", "overlays/production", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"

    spec, own = pod(overlay), container(overlay)["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] != 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not {"privileged", "procMount", "runAsUser", "seccompProfile"} & own.keys()
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & spec.keys()
    assert not any("hostPort" in port for port in container(overlay)["ports"])
    for volume in spec["volumes"]:
        assert volume.keys() - {"name"} <= {"emptyDir", "secret"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_get_no_token_and_no_variables_of_other_services(overlay: str) -> None:
    assert pod(overlay)["automountServiceAccountToken"] is False
    assert pod(overlay)["enableServiceLinks"] is False


def test_no_secret_is_in_the_tree_or_in_what_is_rendered() -> None:
    for file in yaml_files():
        text = re.sub(r"sha256:[0-9a-f]{64}", "", file.read_text())  # an image's digest
        assert not re.search(r"[0-9a-f]{40}|BEGIN |stringData", text), file
    for folder in ALL:
        assert not every("Secret", folder)


def test_only_labelled_callers_and_prometheus_get_in_and_only_dns_gets_out() -> None:
    policy = the("NetworkPolicy", "overlays/production")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (callers,) = policy["ingress"]
    label = {"matchLabels": {"rain-forecast-client": "true"}}
    assert callers["from"] == [{"namespaceSelector": label}, {"podSelector": label}]
    (dns,) = policy["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert all(peer["podSelector"] and peer["namespaceSelector"] for peer in dns["to"])

    metrics = the("NetworkPolicy", "overlays/production", "rain-forecast-metrics")["spec"]
    ((prometheus,),) = (rule["from"] for rule in metrics["ingress"])
    assert prometheus["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    assert prometheus["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}


def traced(folder: Path) -> tuple[Document, ...]:
    """Production with the component for traces, as the document says to add it."""
    overlay = folder / "overlay"
    overlay.mkdir()
    kustomization = {
        "resources": [os.path.relpath(TREE / "overlays/production", overlay)],
        "components": [os.path.relpath(TREE / "components/tracing", overlay)],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(str(overlay))


def test_traces_get_out_to_the_collector_that_the_service_is_told_and_to_nothing_else(tmp_path: Path) -> None:
    documents = traced(tmp_path)
    for document in documents:
        if document["kind"] not in custom_resources.KINDS:
            kubernetes_validate.validate(document, OLDEST, strict=True)
    (made,) = (document for document in documents if document["kind"] == "Deployment")
    (service,) = made["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in service["env"]}
    address = httpx.URL(variables["OTEL_EXPORTER_OTLP_ENDPOINT"])
    share = float(variables["OTEL_TRACES_SAMPLER_ARG"])
    assert 0 < share <= 1

    (policy,) = (d for d in documents if d["metadata"]["name"] == "rain-forecast-traces")
    assert policy["spec"]["policyTypes"] == ["Egress"], "what gets in is the other policies' matter"
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert selects(policy["spec"]["podSelector"]["matchLabels"], labels)
    (rule,) = policy["spec"]["egress"]
    assert rule["ports"] == [{"port": address.port, "protocol": "TCP"}]
    (collector,) = rule["to"]
    name, _, namespace = address.host.partition(".")
    assert collector["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
    assert collector["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}


def test_the_prometheus_rule_is_the_file_of_rules_and_names_the_monitors_job() -> None:
    assert prometheus_rule.MANIFEST.read_text() == prometheus_rule.manifest()
    rules = yaml.safe_load(prometheus_rule.RULES.read_text())
    assert the("PrometheusRule", "overlays/production")["spec"] == rules
    monitor = the("ServiceMonitor", "overlays/production")["spec"]
    # The operator's job is the Service's name, unless a label is named for it.
    assert "jobLabel" not in monitor
    selector = monitor["selector"]["matchLabels"]
    (service,) = (s for s in every("Service", GATEWAY) if selects(selector, s["metadata"]["labels"]))
    jobs = set(re.findall(r'job="([^"]*)"', prometheus_rule.RULES.read_text()))
    assert jobs == {service["metadata"]["name"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_file_of_keys_is_mounted_where_the_service_reads_it(overlay: str) -> None:
    (volume,) = (volume for volume in pod(overlay)["volumes"] if volume["name"] == "api-keys")
    (mount,) = (mount for mount in container(overlay)["volumeMounts"] if mount["name"] == "api-keys")
    (item,) = volume["secret"]["items"]
    assert f"{mount['mountPath']}/{item['path']}" == variables(overlay)["WEATHER_API_KEYS_FILE"]
    assert "subPath" not in mount, "a subPath never sees the Secret change"
    assert not volume["secret"].get("optional"), "without the Secret the service must not be open"
    assert volume["secret"]["defaultMode"] == 0o440  # the group is fsGroup
    assert "WEATHER_API_KEYS_FILE" not in variables("base")

    assert f"create secret generic {volume['secret']['secretName']} " in DOCS
    assert f'--from-file="$keys/{item["key"]}"' in DOCS


def test_the_documented_commands_make_a_file_of_keys_that_the_service_takes(tmp_path: Path) -> None:
    (extract,) = re.findall(r"^sed .*$", DOCS, re.MULTILINE)
    made = subprocess.run(
        [sys.executable, "-m", "weather.http.api_keys", "station-7"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (tmp_path / "key.txt").write_text(made)
    subprocess.run(["bash", "-c", f"keys={tmp_path}; {extract}"], check=True)
    (key,) = re.findall(r"shown once: *(\S+)", made)
    keys = api_keys.Keys(tmp_path / "api-keys")
    assert keys.accept(key.encode())
    assert not keys.accept(b"another")


def test_keys_change_when_the_kubelet_swaps_the_secrets_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mounted Secret is a link to a link to a folder, and the kubelet replaces the second one."""
    monkeypatch.setattr(api_keys, "CHECK_SECONDS", 0.0)

    def write(version: str, key: bytes) -> None:
        (tmp_path / version).mkdir()
        digest = hashlib.sha256(key).hexdigest()
        (tmp_path / version / "api-keys").write_text(f"station:{digest}\n")
        (tmp_path / "..data_tmp").symlink_to(version)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    write("..2026_01_01", b"old")
    (tmp_path / "api-keys").symlink_to("..data/api-keys")
    keys = api_keys.Keys(tmp_path / "api-keys")
    assert keys.accept(b"old")
    write("..2026_01_02", b"new")
    assert keys.accept(b"new")
    assert not keys.accept(b"old")


# Who finds whom.


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_deployments_select_their_own_pods_and_not_each_others(overlay: str) -> None:
    selector = deployment(overlay)["spec"]["selector"]["matchLabels"]
    for other in OVERLAYS:
        assert selects(selector, pod_labels(other)) == (other == overlay)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_service_budget_policies_and_spread_select_the_pods_of_both_tracks(overlay: str) -> None:
    labels = pod_labels(overlay)
    assert selects(the("Service", "base")["spec"]["selector"], labels)
    assert selects(the("PodDisruptionBudget", "base")["spec"]["selector"]["matchLabels"], labels)
    policies = every("NetworkPolicy", "overlays/production")
    assert len(policies) == 2
    for policy in policies:
        assert selects(policy["spec"]["podSelector"]["matchLabels"], labels)
    spread = pod(overlay)["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    for each in spread:
        assert selects(each["labelSelector"]["matchLabels"], labels)


def test_no_pod_is_missed_while_rolling_out_or_draining_a_node() -> None:
    strategy = deployment("base")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    budget = the("PodDisruptionBudget", "base")["spec"]
    assert budget["maxUnavailable"] < the("HorizontalPodAutoscaler", "base")["spec"]["minReplicas"]


def test_the_autoscaler_owns_the_number_of_productions_pods() -> None:
    production = deployment("overlays/production")
    scaler = the("HorizontalPodAutoscaler", "overlays/production")["spec"]
    assert scaler["scaleTargetRef"] == {
        "apiVersion": production["apiVersion"],
        "kind": "Deployment",
        "name": production["metadata"]["name"],
    }
    assert "replicas" not in production["spec"], "an apply would undo the autoscaler's number"
    assert scaler["minReplicas"] == 3 < scaler["maxReplicas"]
    assert deployment("overlays/canary")["spec"]["replicas"] == 1


def test_the_autoscaler_looks_at_figures_that_exist(client: httpx.Client) -> None:
    processor, in_flight = the("HorizontalPodAutoscaler", "overlays/production")["spec"]["metrics"]
    assert processor["resource"]["name"] == "cpu"
    assert processor["resource"]["name"] in container("overlays/production")["resources"]["requests"]
    assert the("HorizontalPodAutoscaler", "base")["spec"]["metrics"] == [processor]

    name = in_flight["pods"]["metric"]["name"]
    assert client.post("/predict", json=EXAMPLE).status_code == 200
    exported = client.get("/metrics").text
    assert f"# TYPE {name} gauge" in exported
    assert re.search(rf'^{name}{{endpoint="/predict",.*}} 0\.0$', exported, re.MULTILINE)
    assert int(in_flight["pods"]["target"]["averageValue"]) < MAX_IN_FLIGHT["/predict"]

    (rule,) = yaml.safe_load(ADAPTER.read_text())["rules"]["custom"]
    assert rule["seriesQuery"].startswith(f"{name}{{")
    assert rule["resources"]["overrides"].keys() == {"namespace", "pod"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_adapters_rule_gives_each_pod_its_requests_in_flight(tmp_path: Path) -> None:
    """As prometheus-adapter fills it in for the autoscaler, on two pods of two endpoints each."""
    (rule,) = yaml.safe_load(ADAPTER.read_text())["rules"]["custom"]
    series = rule["seriesQuery"].partition("{")[0]
    query = rule["metricsQuery"]
    for name, value in (
        ("Series", series),
        ("LabelMatchers", 'namespace="rain-forecast",pod=~"a|b"'),
        ("GroupBy", "pod"),
    ):
        assert f"<<.{name}>>" in query
        query = query.replace(f"<<.{name}>>", value)
    inputs = [
        {"series": f'{series}{{namespace="{space}",pod="{pod}",endpoint="{path}"}}', "values": values}
        for space, pod, path, values in (
            ("rain-forecast", "a", "/predict", "10+0x20"),
            ("rain-forecast", "a", "/predict_batch", "2+0x20"),
            ("rain-forecast", "b", "/predict", "34+0x20"),
            ("another", "a", "/predict", "500+0x20"),
        )
    ]
    expected = [{"labels": '{pod="a"}', "value": 12}, {"labels": '{pod="b"}', "value": 34}]
    test = {
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": inputs,
                "promql_expr_test": [{"expr": query, "eval_time": "150s", "exp_samples": expected}],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(test))
    done = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_render_prints_each_folder() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    (folders,) = re.findall(r"^RENDERED = (.*)$", makefile, re.MULTILINE)
    assert [
        f"overlays/{path.parent.name}" for path in sorted(TREE.glob("overlays/*/kustomization.yaml"))
    ] == sorted(folders.split())
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "render"],
        cwd=PROJECT,
        env=outside_make,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = [document for document in yaml.safe_load_all(done.stdout) if document]
    assert printed == [document for folder in folders.split() for document in render(folder)]


def test_the_metrics_that_the_docs_compare_tracks_by_are_exported(client: httpx.Client) -> None:
    client.post("/predict", json=EXAMPLE)
    exported = client.get("/metrics").text
    for name in set(re.findall(r"bentoml_service_\w+", DOCS)):
        assert f"# TYPE {name} " in exported, name
    assert 'http_response_code="200"' in exported


@pytest.mark.parametrize("folder", ["overlays/production", GATEWAY])
def test_the_service_monitor_scrapes_each_pod_once(folder: str, client: httpx.Client) -> None:
    monitor = the("ServiceMonitor", folder)
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["spec"].keys() == {"selector", "podTargetLabels", "endpoints"}
    selector = monitor["spec"]["selector"]["matchLabels"]
    (service,) = (
        service for service in every("Service", folder) if selects(selector, service["metadata"]["labels"])
    )
    for overlay in OVERLAYS:
        assert selects(service["spec"]["selector"], pod_labels(overlay))
        assert set(monitor["spec"]["podTargetLabels"]) <= pod_labels(overlay).keys()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {
        "port": "http",
        "path": "/metrics",
        "interval": "15s",
        "scrapeTimeout": "5s",
        "honorLabels": True,
    }
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert client.get(endpoint["path"]).status_code == 200


@pytest.mark.parametrize(("folder", "shares"), [(GATEWAY, [90, 10]), (MIRROR, [100, 0])])
def test_the_route_splits_between_the_tracks_by_weight(folder: str, shares: list[int]) -> None:
    route = the("HTTPRoute", folder)
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["spec"].keys() == {"parentRefs", "hostnames", "rules"}
    assert [parent.keys() for parent in route["spec"]["parentRefs"]] == [{"name", "namespace"}]
    assert all(re.fullmatch(r"[a-z0-9.-]+", host) for host in route["spec"]["hostnames"])
    rule, *others = route["spec"]["rules"]
    assert [other["backendRefs"] for other in others] == [rule["backendRefs"]] * len(others)
    for each in (rule, *others):
        assert each.keys() - {"filters"} == {"matches", "backendRefs"}
        assert len(each["matches"]) <= 8  # the most that each version of the API takes
    weights = []
    for backend, overlay in zip(rule["backendRefs"], OVERLAYS, strict=True):
        assert backend.keys() == {"name", "port", "weight"}
        service = the("Service", folder, backend["name"])
        assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}
        for other in OVERLAYS:
            assert selects(service["spec"]["selector"], pod_labels(other)) == (other == overlay)
        weights.append(backend["weight"])
    assert weights == shares
    assert sum(weights) == 100  # percent


def test_the_mirror_copies_forecasts_and_nothing_else_to_the_canary() -> None:
    forecasts, pages = the("HTTPRoute", MIRROR)["spec"]["rules"]
    (mirror,) = forecasts["filters"]
    target = mirror["requestMirror"]["backendRef"]
    assert target == {"name": "rain-forecast-canary", "port": 80}
    assert target["name"] == forecasts["backendRefs"][1]["name"], "which gets no requests of its own"
    assert "filters" not in pages
    paths = {match["path"]["value"] for match in forecasts["matches"]}
    assert paths == {"/predict", "/predict_batch", "/v2", "/v2/models"}
    assert not every("HTTPRoute", "overlays/production")


def test_kserves_predictor_is_the_pod_of_the_deployment() -> None:
    (service,) = every("InferenceService", KSERVE)
    predictor = service["spec"]["predictor"]
    spec, own = pod("base"), container("base")
    for name in (
        "automountServiceAccountToken",
        "enableServiceLinks",
        "terminationGracePeriodSeconds",
        "securityContext",
        "topologySpreadConstraints",
        "volumes",
    ):
        assert predictor[name] == spec[name], name
    assert predictor.keys() - spec.keys() == {"labels", "deploymentStrategy"}
    assert spec.keys() <= predictor.keys()
    (theirs,) = predictor["containers"]
    assert theirs["name"] == "kserve-container"
    assert theirs["env"] == [*own["env"], {"name": "PROTOCOL", "value": "v2"}]
    assert re.fullmatch(r"\S+/rain-forecast:[\w.-]+", theirs["image"])
    assert {**theirs, "name": "", "env": [], "image": ""} == {**own, "name": "", "env": [], "image": ""}
    assert selects(spec["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"], predictor["labels"])
    assert predictor["deploymentStrategy"] == deployment("base")["spec"]["strategy"]
    assert not every("Deployment", KSERVE), "KServe makes it"


def test_kserve_leaves_the_number_of_pods_to_our_autoscaler() -> None:
    (service,) = every("InferenceService", KSERVE)
    annotations = service["metadata"]["annotations"]
    assert annotations["serving.kserve.io/autoscalerClass"] == "external"
    ours, production = (
        the("HorizontalPodAutoscaler", each)["spec"] for each in (KSERVE, "overlays/production")
    )
    assert ours.pop("scaleTargetRef")["name"] == f"{service['metadata']['name']}-predictor"
    production = {name: value for name, value in production.items() if name != "scaleTargetRef"}
    assert ours == production
    (monitor,) = every("PodMonitor", KSERVE)
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected == {"serving.kserve.io/inferenceservice": service["metadata"]["name"]}


def test_the_route_lets_the_api_and_its_pages_out_but_neither_metrics_nor_probes(
    client: httpx.Client,
) -> None:
    rules = the("HTTPRoute", GATEWAY)["spec"]["rules"]
    matches = [match["path"] for rule in rules for match in rule["matches"]]
    assert all(match["type"] in {"Exact", "PathPrefix"} for match in matches)

    def routed(path: str) -> bool:
        return any(
            path == match["value"]
            or (match["type"] == "PathPrefix" and path.startswith(match["value"].rstrip("/") + "/"))
            for match in matches
        )

    probes = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
    assert not [path for path in (*probes, "/metrics", "/schema.json") if routed(path)]
    assert [path for path in ENDPOINTS if not routed(path)] == []
    page = client.get("/docs").text
    parts = [
        urljoin("/docs", part) for part in re.findall(r'<(?:link|script)\b[^>]*(?:src|href)="([^"]+)"', page)
    ]
    assert parts
    for path in ("/", "/docs", "/openapi.json", *parts):
        assert routed(path), path
        assert client.get(path).status_code == 200, path


# The document.


def test_the_document_names_folders_that_exist_and_stays_short() -> None:
    for path in re.findall(r"deploy/kubernetes/[\w./-]*\w", DOCS):
        assert (PROJECT / path).exists(), path
    for path in re.findall(r"`((?:components|overlays|base|workload)/[\w./-]*)`", DOCS):
        assert (TREE / path).exists(), path
    assert f"Kubernetes {OLDEST} or later" in DOCS
    assert len(DOCS.splitlines()) < 160
