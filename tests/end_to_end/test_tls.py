"""TLS by BentoML's flags, with a temporary certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from loadtest.serving import running
from tests.conftest import EXAMPLE
from weather.contract.variables import LABELS


def test_the_service_speaks_only_tls(bentoml_home: Path, certificate: tuple[Path, Path]) -> None:
    file, key = certificate
    flags = ("--ssl-certfile", str(file), "--ssl-keyfile", str(key))
    trust = ssl.create_default_context(cafile=str(file))
    with running(bentoml_home, flags=flags, trust=trust) as service:
        with httpx.Client(base_url=service.url, verify=trust) as client:
            assert service.url.startswith("https://")
            assert client.post("/predict", json=EXAMPLE).json()["prediction"] in LABELS
        with pytest.raises(httpx.TransportError):
            httpx.get(service.url.replace("https", "http"))
