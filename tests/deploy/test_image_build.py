"""What ``make image`` and ``make test-image`` do before an engine comes in."""

from __future__ import annotations

import configparser
import os
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from deploy.image import engines
from deploy.image.build import main, pip_secrets
from deploy.image.engines import NoEngine, find_engine, usable_engine
from loadtest.serving import PROJECT, free_port


def test_without_an_engine_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ENGINE", raising=False)
    monkeypatch.setattr("sys.argv", ["make image"])
    assert main() == os.EX_UNAVAILABLE
    assert "No container engine works here (tried: docker, podman, buildah)." in capsys.readouterr().err


@pytest.mark.skipif(
    find_engine() != "podman", reason="the first engine that works is not podman, or there is none"
)
def test_without_a_registry_it_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real podman, and a registry that refuses the connection."""
    base = f"127.0.0.1:{free_port()}/python:3.11-slim"
    monkeypatch.setattr(engines, "base_image", lambda: base)
    with pytest.raises(NoEngine) as caught:
        usable_engine()
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"podman can't pull the base image {base}: ")
    assert "connection refused" in first
    assert "deploy/image/engine.sh make image" in second


@pytest.mark.skipif(find_engine() != "podman", reason="podman does not work here")
def test_an_image_that_is_there_is_not_pulled(tmp_path: Path) -> None:
    name = f"localhost/rain-forecast-test-{free_port()}:1"
    empty = tmp_path / "empty.tar"
    with tarfile.open(empty, "w"):
        pass
    subprocess.run(["podman", "import", "--quiet", str(empty), name], check=True, capture_output=True)
    try:
        assert engines.has("podman", name)
    finally:
        subprocess.run(["podman", "rmi", "--force", name], check=True, capture_output=True)
    assert not engines.has("podman", name)


def test_the_base_image_is_that_of_the_bento() -> None:
    assert engines.base_image() == "docker.io/library/python:3.11-slim"


def test_pip_in_the_build_is_led_where_pip_here_is_led(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, bundle, build = tmp_path / "pip.conf", tmp_path / "bundle.pem", tmp_path / "build"
    for name in filter(lambda name: name.startswith("PIP_"), list(os.environ)):
        monkeypatch.delenv(name)
    bundle.write_text("certificates")
    build.mkdir()
    here.write_text(
        f"""[global]
cert = {bundle}
find-links = /wheels
extra-index-url =
    file:///local
    https://extra.example/simple
"""
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(here))
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@index.example/simple")

    files = {file.name: file.read_text() for file in pip_secrets(build)}

    assert files["ca.pem"] == "certificates"
    settings = configparser.RawConfigParser()
    settings.read_string(files["pip.conf"])
    wanted = dict(settings["global"])
    assert wanted["index-url"] == "https://user:secret@index.example/simple"
    assert wanted["extra-index-url"] == "https://extra.example/simple"
    assert wanted["cert"] == "/run/secrets/ca.pem"
    assert "find-links" not in wanted


def test_podmans_run_root_is_short_wherever_the_images_are_kept(tmp_path: Path) -> None:
    """podman refuses one of more than 50 characters, but only when a container ends."""
    caches = [tmp_path / name for name in ("x" * 100, "y" * 100)]
    program = f"source {PROJECT}/deploy/image/engine.sh; cache=$1; configure_podman; echo $run"
    roots = set()
    for cache in caches:
        cache.mkdir()
        done = subprocess.run(
            ["bash", "-c", program, "bash", cache], capture_output=True, text=True, check=True
        )
        storage = tomllib.loads((cache / "storage.conf").read_text())["storage"]
        engine = tomllib.loads((cache / "containers.conf").read_text())["engine"]
        assert storage["graphroot"] == f"{cache}/images"
        for folder in (storage["runroot"], engine["tmp_dir"]):
            assert len(folder) <= 50
            assert folder.startswith(done.stdout.strip())
        roots.add(storage["runroot"])
    assert len(roots) == 2, "two podmans at once don't share their state"
