"""HAProxy's own errors, from the real program with the published configuration."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from loadtest.serving import PROJECT, free_port
from tests.conftest import EXAMPLE
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")

PREFIX = """
frontend prefix
    bind {address}
    http-request deny deny_status 404 unless {{ path_beg /weather/ }}
    http-request replace-path /weather/(.*) /\\1
    default_backend rain
"""


def listens(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def balancers(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses of a balancer without replicas, and of one that serves ``url`` below /weather/."""
    folder: Path = tmp_path_factory.mktemp("haproxy")
    alone, prefix = (f"127.0.0.1:{free_port()}" for _ in range(2))
    (folder / "none.cfg").write_text(f"backend rain\n    server gone 127.0.0.1:{free_port()}\n")
    # Its checks may fail for a while: one that takes longer than 500 ms would take the only server out.
    server = f"backend rain\n    server one {url.removeprefix('http://')} fall 1000\n"
    (folder / "one.cfg").write_text(server + PREFIX.format(address=prefix))
    configuration = PROJECT / "deploy" / "compose" / "haproxy.cfg"
    processes = [
        subprocess.Popen(
            ["haproxy", "-q", "-f", configuration, "-f", folder / name],
            env={**os.environ, "BALANCER_ADDRESS": address},
            stdout=subprocess.DEVNULL,
        )
        for name, address in (("none.cfg", alone), ("one.cfg", f"127.0.0.1:{free_port()}"))
    ]
    try:
        until(lambda: listens(alone) and listens(prefix))
        yield f"http://{alone}", f"http://{prefix}/weather"
    finally:
        for process in processes:
            process.terminate()
            process.wait(PATIENCE)


def test_without_a_replica_it_says_when_to_come_back(balancers: tuple[str, str]) -> None:
    alone, _ = balancers
    answer = httpx.post(f"{alone}/predict", json=EXAMPLE)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == []
    assert "no replica" in answer.json()["error"]


def test_its_other_errors_have_the_format_of_the_services(balancers: tuple[str, str]) -> None:
    alone, _ = balancers
    hidden = httpx.get(f"{alone}/metrics")
    assert hidden.status_code == 404
    assert hidden.json() == {"error": "no such path", "detail": []}


def test_every_error_of_the_configuration_is_json_of_that_format() -> None:
    text = (PROJECT / "deploy" / "compose" / "haproxy.cfg").read_text()
    lines = [line.split(" string ")[1] for line in text.splitlines() if "http-error status" in line]
    assert len(lines) == 5
    for line in lines:
        problem = httpx.Response(200, text=line[1 : line.rindex("'")]).json()
        assert problem.keys() == {"error", "detail"}


def test_behind_a_path_prefix_everything_stays_there(balancers: tuple[str, str]) -> None:
    _, prefix = balancers
    with httpx.Client(base_url=f"{prefix}/", follow_redirects=False) as client:
        until(lambda: client.get("readyz").status_code == 200)
        for name, link in client.get("").json()["links"].items():
            answer = client.get(link)  # httpx, like a browser, resolves it against the address of the page
            assert str(answer.url).startswith(f"{prefix}/")
            assert answer.status_code == (405 if name == "predict" else 200)
        assert client.post("predict", json=EXAMPLE).status_code == 200
        for path in ("predict/", "docs/", "model/", "static_content"):
            for method in ("POST", "GET"):
                answer = client.request(method, path, json=EXAMPLE)
                assert answer.status_code == 404
                assert answer.json().keys() == {"error", "detail"}
                assert "location" not in answer.headers
        server = client.get("openapi.json").json()["servers"][0]["url"]
        assert str(httpx.URL(f"{prefix}/openapi.json").join(server)) == f"{prefix}/"
