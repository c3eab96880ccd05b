"""The version has one source; what can't read it agrees with it."""

from __future__ import annotations

import re
import tomllib

import yaml

from loadtest.serving import PROJECT
from weather.contract.version import VERSION
from weather.http.openapi import document


def test_the_package_and_the_openapi_document_have_it() -> None:
    package = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert package["project"]["dynamic"] == ["version"]
    assert package["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "weather.contract.version.VERSION"}
    assert document()["info"]["version"] == VERSION


def test_the_deployments_name_its_image() -> None:
    compose = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text())
    assert compose["services"]["rain"]["image"].endswith(f":{VERSION}}}")
    kustomization = (
        PROJECT / "deploy" / "kubernetes" / "overlays" / "production" / "kustomization.yaml"
    ).read_text()
    assert yaml.safe_load(kustomization)["images"][0]["newTag"] == VERSION


def test_the_changelog_has_it_as_its_last_release_or_has_none_yet() -> None:
    releases = re.findall(r"^## \[(\d[^]]*)\]", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[:1] in ([], [VERSION])
