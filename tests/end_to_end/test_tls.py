"""TLS by BentoML's flags, with a temporary certificate."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from loadtest.serving import running
from tests.conftest import EXAMPLE


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    file, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    return file, key


def test_the_service_speaks_only_tls(bentoml_home: Path, certificate: tuple[Path, Path]) -> None:
    file, key = certificate
    flags = ("--ssl-certfile", str(file), "--ssl-keyfile", str(key))
    trust = ssl.create_default_context(cafile=str(file))
    with running(bentoml_home, flags=flags, trust=trust) as service:
        with httpx.Client(base_url=service.url, verify=trust) as client:
            assert service.url.startswith("https://")
            assert client.post("/predict", json=EXAMPLE).json()["prediction"] in ("Rain", "No_Rain")
        with pytest.raises(httpx.TransportError):
            httpx.get(service.url.replace("https", "http"))
