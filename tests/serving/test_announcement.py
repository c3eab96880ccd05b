"""What `bentoml serve` says when it is ready."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from loadtest.serving import running
from tests.serving.test_preflight import certificate
from tests.waiting import PATIENCE, until
from weather.contract.names import CLASSIFIER, COMPILED_FILE
from weather.serving.announcement import Address


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("127.0.0.1", 3000, tls=False, keys=False), "http://127.0.0.1:3000"),
        (Address("0.0.0.0", 80, tls=False, keys=False), "http://127.0.0.1:80"),
        (Address("::", 3000, tls=True, keys=False), "https://[::1]:3000"),
        (Address("192.0.2.7", 3000, tls=False, keys=True), "http://192.0.2.7:3000"),
    ],
)
def test_the_address_is_one_for_a_browser_on_this_machine(address: Address, url: str) -> None:
    assert address.url == url
    assert f" {url}/predict " in str(address)
    assert ("'Authorization: Bearer KEY'" in str(address)) == address.keys


def request(log: Path) -> str:
    """The command that the log shows, once it does."""
    (command,) = until(lambda: re.findall(r"^(curl .*)\n", log.read_text(), re.MULTILINE))
    return str(command)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_once_ready_it_shows_a_request_to_paste(bentoml_home: Path, tmp_path: Path, tls: bool) -> None:
    flags: tuple[str, ...] = ()
    if tls:
        files = certificate(tmp_path, "one")
        flags = ("--ssl-certfile", str(tmp_path / files[0]), "--ssl-keyfile", str(tmp_path / files[1]))
    file = tmp_path / "log"
    trust = None
    if tls:
        import ssl

        trust = ssl.create_default_context(cafile=str(tmp_path / "one.pem"))
        trust.check_hostname = False
    with file.open("wb") as log, running(bentoml_home, flags=flags, log=log, trust=trust) as service:
        command = request(file)
        assert f"Ready on {service.url}. Open it in a browser, or send a request:\ncurl" in file.read_text()
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        assert json.loads(done.stdout).keys() == {"prediction", "probability"}
    assert file.read_text().count("Ready on") == 1


def test_a_service_that_is_not_ready_shows_none_and_says_why(bentoml_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(bentoml_home, home)
    (compiled,) = (home / "models" / CLASSIFIER).glob(f"*/{COMPILED_FILE}")
    compiled.write_bytes(compiled.read_bytes()[:-1])
    file = tmp_path / "log"
    with file.open("wb") as log, running(home, ready=False, log=log):
        until(lambda: "The service stays not ready" in file.read_text())
    text = file.read_text()
    assert "import the pair again" in text
    assert "Ready on" not in text
    assert "Traceback" not in text
