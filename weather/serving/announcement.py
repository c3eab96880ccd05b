"""Says in the log of `bentoml serve`, once the service is ready, where it is, with a request to paste."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import ssl
from dataclasses import dataclass

from weather.contract.variables import EXAMPLE
from weather.http.limits import SINGLE

log = logging.getLogger("bentoml.weather")

POLL_SECONDS = 0.25
RESPONSE_SECONDS = 30
"""For one answer. The first request waits in the socket's backlog until a worker accepts it."""


@dataclass(frozen=True)
class Address:
    """Where the service listens, and what a request needs."""

    host: str
    port: int
    tls: bool
    keys: bool

    @property
    def reachable_host(self) -> str:
        """The host for requests from this machine."""
        host = ipaddress.ip_address(self.host)
        if not host.is_unspecified:
            return str(host)
        return "127.0.0.1" if host.version == 4 else "::1"

    @property
    def url(self) -> str:
        """For a browser on this machine."""
        host = self.reachable_host
        return f"http{'s' * self.tls}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __str__(self) -> str:
        key = " -H 'Authorization: Bearer KEY'" * self.keys
        insecure = "k" * self.tls
        return (
            f"Ready on {self.url}. Open it in a browser, or send a request:\n"
            f"curl -s{insecure} {self.url}{SINGLE} -H 'Content-Type: application/json'{key} "
            f"-d '{json.dumps(EXAMPLE)}'"
        )


async def announce(address: Address) -> None:
    """Ask until the service is ready, then log the address."""
    while not await ready(address):
        await asyncio.sleep(POLL_SECONDS)
    log.info("%s", address)


async def ready(address: Address) -> bool:
    """Whether ``/readyz`` is 200."""
    try:
        async with asyncio.timeout(RESPONSE_SECONDS):
            reader, writer = await asyncio.open_connection(
                address.reachable_host, address.port, ssl=unverified() if address.tls else None
            )
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except OSError:  # also a timeout, and TLS that asks for a client's certificate
        return False


def unverified() -> ssl.SSLContext:
    """TLS to ourselves: whose certificate it is does not matter."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
