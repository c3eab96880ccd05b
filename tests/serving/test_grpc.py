"""What the supervisor refuses of gRPC before it starts a worker."""

from __future__ import annotations

import socket

import pytest

from loadtest.serving import free_port
from weather.http.settings import read_settings
from weather.serving.grpc import check
from weather.serving.preflight import Refusal


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port that is set for gRPC."""
    number = free_port()
    monkeypatch.setenv("WEATHER_GRPC_PORT", str(number))
    return number


def test_a_free_port_passes(port: int) -> None:
    check(read_settings(), http=("127.0.0.1", port + 1), password=None)


def test_without_a_port_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEATHER_GRPC_PORT", raising=False)
    check(read_settings(), http=("127.0.0.1", 1), password="secret")


def test_the_port_of_http_is_refused(port: int) -> None:
    with pytest.raises(Refusal, match=f"WEATHER_GRPC_PORT is {port}, which is the port of HTTP"):
        check(read_settings(), http=("127.0.0.1", port), password=None)


def test_a_taken_port_is_refused(port: int) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as a gRPC server of several workers
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(Refusal, match=f"can't listen on 127.0.0.1 port {port}"):
            check(read_settings(), http=("127.0.0.1", port + 1), password=None)


def test_a_key_with_a_password_is_refused(port: int) -> None:
    with pytest.raises(Refusal, match="gRPC can't read a TLS key that has a password"):
        check(read_settings(), http=("127.0.0.1", port + 1), password="secret")
